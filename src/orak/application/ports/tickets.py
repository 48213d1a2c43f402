from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.identity import UserId


class Ticket(msgspec.Struct, frozen=True):
    """A right to watch one's own recordings once, for whoever cannot send a token."""

    user_id: UserId
    expires_at: datetime
    token_expires_at: datetime
    """The end of the token that asked for it: a stream lives no longer."""


class Tickets(Protocol):
    """Tickets by a hash of what their holders show. Every method may raise `Unavailable`."""

    async def keep(self, hashed: str, ticket: Ticket, *, at: datetime) -> None:
        """Keep a new ticket; those that expired before *at* may be forgotten."""
        ...

    async def redeem(self, hashed: str, *, at: datetime) -> Ticket | None:
        """Return a ticket that has not expired, to one caller only; None for any other hash."""
        ...
