from dataclasses import dataclass, field
from datetime import datetime

from orak.application.ports.tickets import Ticket


@dataclass(slots=True)
class MemoryTickets:
    """The port `Tickets` in memory."""

    _tickets: dict[str, Ticket] = field(default_factory=dict)

    async def keep(self, hashed: str, ticket: Ticket, *, at: datetime) -> None:
        self._tickets = {key: kept for key, kept in self._tickets.items() if at < kept.expires_at}
        self._tickets[hashed] = ticket

    async def redeem(self, hashed: str, *, at: datetime) -> Ticket | None:
        ticket = self._tickets.pop(hashed, None)
        return ticket if ticket is not None and at < ticket.expires_at else None
