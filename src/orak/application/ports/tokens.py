from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.actor import Actor
from orak.domain.errors import OrakError


class InvalidToken(OrakError):
    """The token is missing, malformed, expired, or for another service.

    Clients do not learn which.
    """

    summary = "the token is missing or invalid"


class Bearer(msgspec.Struct, frozen=True):
    """A caller with a valid token, and when that token expires."""

    actor: Actor
    expires_at: datetime


class Tokens(Protocol):
    """Verifies bearer tokens."""

    async def verify(self, token: str) -> Bearer:
        """Return the token's bearer.

        Raise `InvalidToken`, or `Unavailable` if the keys cannot be fetched.
        """
        ...
