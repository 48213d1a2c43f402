from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, write
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.tables import live_tickets
from orak.application.ports.tickets import Ticket

_KEEP = insert(live_tickets)
_FORGET = delete(live_tickets).where(live_tickets.c.expires_at <= bindparam("at", type_=UtcDateTime))
# DELETE … RETURNING gives the row to one caller only.
_REDEEM = (
    delete(live_tickets)
    .where(live_tickets.c.hash == bindparam("of"))
    .returning(live_tickets.c.user_id, live_tickets.c.expires_at, live_tickets.c.token_expires_at)
)


@dataclass(frozen=True, slots=True)
class SqlTickets:
    """The port `Tickets` on SQL."""

    connections: Connections

    @write
    def keep(self, connection: Connection, hashed: str, ticket: Ticket, *, at: datetime) -> None:
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

    @write
    def redeem(self, connection: Connection, hashed: str, *, at: datetime) -> Ticket | None:
        row = connection.execute(_REDEEM, {"of": hashed}).one_or_none()
        ticket = None if row is None else Ticket(*row)
        return ticket if ticket is not None and at < ticket.expires_at else None
