from dataclasses import dataclass

from orak.application.ports.unit_of_work import UnitOfWork
from orak.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """Make a user's row when their first valid token comes; there is no other registration."""

    transaction: UnitOfWork

    async def __call__(self, actor: Actor) -> None:
        """Do nothing for a known user."""
        async with self.transaction() as tx:
            await tx.users.ensure(actor.user_id)
