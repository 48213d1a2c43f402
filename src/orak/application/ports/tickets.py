from datetime import datetime
from hashlib import sha256
from typing import Protocol

import msgspec

from orak.domain.identity import UserId


class Ticket(msgspec.Struct, frozen=True):
    """The right to watch a user's own records once.

    It is for clients that cannot send a token.
    """

    user_id: UserId
    expires_at: datetime
    token_expires_at: datetime
    """When the token that requested the ticket expires; a stream ends then too."""


class Tickets(Protocol):
    """Tickets by the hash of their secret. Every method may raise `Unavailable`."""

    async def keep(self, hashed: str, ticket: Ticket, *, at: datetime) -> None:
        """Store a new ticket; tickets that expired before *at* may be removed."""
        ...

    async def redeem(self, hashed: str, *, at: datetime) -> Ticket | None:
        """Return an unexpired ticket, to one caller only; None for any other hash."""
        ...


def hash_of(secret: str) -> str:
    """Return the hash under which the ticket with this *secret* is stored."""
    # No salt is needed: the secret is as random as a key.
    return sha256(secret.encode(errors="replace")).hexdigest()
