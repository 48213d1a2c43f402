from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.tickets import Tickets, hash_of
from orak.application.ports.tokens import Bearer, InvalidToken
from orak.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class RedeemTicket:
    """Redeem a ticket for the right to watch its user's records; a ticket works once."""

    tickets: Tickets
    clock: Clock

    async def __call__(self, secret: str) -> Bearer:
        """Return the user who asked for the ticket, without any scopes.

        The right ends when the token that requested the ticket expires.

        Raises:
            InvalidToken: the ticket is unknown, expired or used up.
            Unavailable: the database cannot be reached.
        """
        ticket = await self.tickets.redeem(hash_of(secret), at=self.clock.now())
        if ticket is None:
            raise InvalidToken("the ticket is unknown, expired or used up")
        return Bearer(Actor(ticket.user_id), ticket.token_expires_at)
