from datetime import datetime

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.tables import live_tickets
from orak.application.ports.tickets import Ticket

_KEEP = insert(live_tickets)
_FORGET = delete(live_tickets).where(live_tickets.c.expires_at <= bindparam("at", type_=UtcDateTime))
_REDEEM = (
    delete(live_tickets)
    .where(live_tickets.c.hash == bindparam("of"))
    .returning(live_tickets.c.user_id, live_tickets.c.expires_at, live_tickets.c.token_expires_at)
)


def keep_ticket(connection: Connection, hashed: str, ticket: Ticket, at: datetime) -> None:
    """Keep a new ticket, and forget those that expired."""
    connection.execute(_FORGET, {"at": at})
    connection.execute(
        _KEEP,
        {
            "hash": hashed,
            "user_id": ticket.user_id,
            "expires_at": ticket.expires_at,
            "token_expires_at": ticket.token_expires_at,
        },
    )


def redeem_ticket(connection: Connection, hashed: str, at: datetime) -> Ticket | None:
    """Return a ticket that has not expired, and forget it."""
    row = connection.execute(_REDEEM, {"of": hashed}).one_or_none()
    ticket = None if row is None else Ticket(*row)
    return ticket if ticket is not None and at < ticket.expires_at else None


class SqlTickets:
    """Tickets to watch one's own recordings."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def keep(self, hashed: str, ticket: Ticket, *, at: datetime) -> None:
        """Keep a new ticket; those that expired before *at* are forgotten."""
        await self._connections.write(keep_ticket, hashed, ticket, at)

    async def redeem(self, hashed: str, *, at: datetime) -> Ticket | None:
        """Return a ticket that has not expired, to one caller only; None for any other hash."""
        return await self._connections.write(redeem_ticket, hashed, at)
