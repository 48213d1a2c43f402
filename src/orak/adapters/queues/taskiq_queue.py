from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink
from orak.application.ports.failures import Unavailable


class TaskiqQueue:
    """A `Queue` of wake-ups for whichever worker process has room.

    A hint that Redis did not take within half a second is lost; the workers' sweep finds its row.
    """

    def __init__(self, broker: WakeUpBroker) -> None:
        self._broker = broker

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink) -> AsyncIterator[Self]:
        """Send through a broker of its own; Redis need not be there."""
        broker = WakeUpBroker(url, link)
        await broker.startup()
        try:
            yield cls(broker)
        finally:
            await broker.shutdown()

    async def wake(self) -> None:
        """Tell some worker to look. If that is not possible, *link* has said so in the log."""
        try:
            await self._broker.send()
        except Unavailable:
            return
