from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.ids import Ids
from orak.application.ports.tickets import Ticket, Tickets, hash_of
from orak.application.ports.tokens import Bearer

_LIFE = timedelta(seconds=30)


class IssuedTicket(msgspec.Struct, frozen=True):
    """A new ticket: the secret that its holder presents, once."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssueTicket:
    """Issue a ticket for watching the caller's own records.

    It works once, within 30 seconds. It is for clients that cannot send a header, such as a browser's
    EventSource. A ticket may stand in a URL, where a token may not: it grants nothing else, and it is used up
    by the request that carries it.
    """

    tickets: Tickets
    ids: Ids
    clock: Clock

    async def __call__(self, bearer: Bearer) -> IssuedTicket:
        """Return the ticket. Raise `Unavailable` if the database cannot be reached."""
        now = self.clock.now()
        issued = IssuedTicket(self.ids.secret(), now + _LIFE)
        ticket = Ticket(bearer.actor.user_id, issued.expires_at, bearer.expires_at)
        await self.tickets.keep(hash_of(issued.secret), ticket, at=now)
        return issued
