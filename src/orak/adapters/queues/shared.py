from datetime import datetime

from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.taskiq_queue import TaskiqQueue


class SharedQueue:
    """The `Queue` of a worker: it converts here if there is room, and otherwise wakes any worker."""

    def __init__(self, pool: InlineQueue, others: TaskiqQueue) -> None:
        self._pool = pool
        self._others = others

    async def wake(self) -> None:
        """Start an upload here if there is room or Redis is down, else where there is room first."""
        if not (self._pool.is_full and await self._others.try_wake()):
            await self._pool.wake()

    def wake_at(self, due: datetime) -> None:
        """Send a wake-up at *due*, to this process."""
        self._pool.wake_at(due)
