from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.actor import Actor
from orak.domain.errors import OrakError


class InvalidToken(OrakError):
    """The token is none, not ours, not for us, or its time is over; which one is not told."""


class Bearer(msgspec.Struct, frozen=True):
    """Who shows a token, and until when it is good."""

    actor: Actor
    expires_at: datetime


class Tokens(Protocol):
    """Tells from a bearer token who is asking."""

    async def verify(self, token: str) -> Bearer:
        """Return its bearer. Raise `InvalidToken`, or `Unavailable` if the keys cannot be had."""
        ...
