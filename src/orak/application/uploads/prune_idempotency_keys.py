from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKeys

_BATCH = 500
"""Most keys that are deleted at once, so that no other writer waits long."""


@dataclass(frozen=True, slots=True)
class PruneIdempotencyKeys:
    """Delete expired idempotency keys."""

    idempotency_keys: IdempotencyKeys
    clock: Clock

    async def __call__(self) -> int:
        """Return how many keys were deleted.

        Raise `Unavailable` if the database cannot be reached.
        """
        before, pruned = self.clock.now() - KEY_LIFE, 0
        while batch := await self.idempotency_keys.forget(before, _BATCH):
            pruned += batch
        return pruned
