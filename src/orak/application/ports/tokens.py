from typing import Protocol

from orak.domain.actor import Actor
from orak.domain.errors import OrakError


class InvalidToken(OrakError):
    """The token is none, not ours, not for us, or its time is over; which one is not told."""


class Tokens(Protocol):
    """Tells from a bearer token who is asking."""

    async def verify(self, token: str) -> Actor:
        """Return the actor. Raise `InvalidToken`, or `Unavailable` if the keys cannot be had."""
        ...
