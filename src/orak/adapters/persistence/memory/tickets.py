from datetime import datetime

from orak.application.ports.tickets import Ticket


class MemoryTickets:
    """Tickets to watch one's own recordings."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    async def keep(self, hashed: str, ticket: Ticket, *, at: datetime) -> None:
        """Keep a new ticket; those that expired before *at* are forgotten."""
        self._tickets = {key: kept for key, kept in self._tickets.items() if at < kept.expires_at}
        self._tickets[hashed] = ticket

    async def redeem(self, hashed: str, *, at: datetime) -> Ticket | None:
        """Return a ticket that has not expired, to one caller only; None for any other hash."""
        ticket = self._tickets.pop(hashed, None)
        return ticket if ticket is not None and at < ticket.expires_at else None
