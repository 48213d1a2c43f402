from dataclasses import dataclass

from orak.application.ports.unit_of_work import UnitOfWork
from orak.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """Add a user's row at their first valid token; there is no other registration."""

    transaction: UnitOfWork

    async def __call__(self, actor: Actor) -> None:
        """Add the row, or do nothing if it exists.

        Raise `UserUnknown` if the users belong to the app and this one does not exist.
        """
        async with self.transaction() as tx:
            await tx.users.ensure(actor.user_id)
