from dataclasses import dataclass

from orak.application.ports.queue import Queue
from orak.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class TriggerBatch:
    """Start a batch now instead of at the next interval."""

    queue: Queue

    async def __call__(self, actor: Actor) -> None:
        """Wake a worker. Raise `AdminRequired`."""
        actor.check_admin()
        await self.queue.wake()
