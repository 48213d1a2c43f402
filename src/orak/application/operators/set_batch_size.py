from dataclasses import dataclass

from orak.application.ports.batch_settings import BatchSettings
from orak.domain.actor import Actor
from orak.domain.errors import Rejected
from orak.domain.policies.batches import batch_size_problem


@dataclass(frozen=True, slots=True)
class SetBatchSize:
    """Set how many uploads a batch starts, for every worker.

    Each worker follows within one interval. The size is kept until it is set again.
    """

    batch_settings: BatchSettings

    async def __call__(self, actor: Actor, size: int | None) -> int:
        """Return the size.

        Raises:
            AdminRequired: the actor is not an operator.
            Rejected: the size is missing or out of range.
        """
        actor.check_admin()
        problem = batch_size_problem("size", size)
        if problem is not None or size is None:
            raise Rejected([problem] if problem else [])
        await self.batch_settings.set_batch_size(size)
        return size
