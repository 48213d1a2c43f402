"""Tickets to watch one's own recordings, for clients that cannot send a header: a browser's EventSource."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.ids import Ids
from orak.application.ports.tickets import Ticket, Tickets
from orak.application.ports.tokens import Bearer, InvalidToken
from orak.domain.actor import Actor

_LIFE = timedelta(seconds=30)


class IssuedTicket(msgspec.Struct, frozen=True):
    """What the holder of a ticket has to show, once."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssueTicket:
    """Make a ticket that lets its holder watch the caller's own recordings, once, within 30 seconds.

    It may stand in a URL, where a token may not: it is good for nothing else, and used up by then.
    """

    tickets: Tickets
    ids: Ids
    clock: Clock

    async def __call__(self, bearer: Bearer) -> IssuedTicket:
        """Raise `Unavailable` if the database cannot be reached."""
        now = self.clock.now()
        issued = IssuedTicket(self.ids.secret(), now + _LIFE)
        ticket = Ticket(bearer.actor.user_id, issued.expires_at, bearer.expires_at)
        await self.tickets.keep(_hashed(issued.secret), ticket, at=now)
        return issued


@dataclass(frozen=True, slots=True)
class RedeemTicket:
    """Take a ticket for the token it was made with."""

    tickets: Tickets
    clock: Clock

    async def __call__(self, secret: str) -> Bearer:
        """Return who asked for the ticket. Raise `InvalidToken` if it is none, expired or used up."""
        ticket = await self.tickets.redeem(_hashed(secret), at=self.clock.now())
        if ticket is None:
            raise InvalidToken("the ticket is unknown, expired or used up")
        return Bearer(Actor(ticket.user_id), ticket.token_expires_at)


def _hashed(secret: str) -> str:
    # Without a salt: what is hashed is as random as a key.
    return sha256(secret.encode(errors="replace")).hexdigest()
