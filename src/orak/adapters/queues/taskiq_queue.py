import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink
from orak.application.ports.failures import Unavailable

_AT_ONCE = 8
"""Wake-ups that are on their way at the same time; whoever comes meanwhile shares the one after them."""


class TaskiqQueue:
    """A `Queue` of wake-ups for whichever worker process has room.

    A hint that Redis did not take within half a second is lost; the workers' sweep finds its row.
    """

    def __init__(self, broker: WakeUpBroker) -> None:
        self._broker = broker
        self._sending = 0
        self._once_more = False
        self._later: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink) -> AsyncIterator[Self]:
        """Send through a broker of its own; Redis need not be there."""
        broker = WakeUpBroker(url, link)
        await broker.startup()
        queue = cls(broker)
        try:
            yield queue
        finally:
            await asyncio.gather(*queue._later)
            await broker.shutdown()

    async def wake(self) -> None:
        """Tell some worker to look. If that is not possible, *link* has said so in the log."""
        if self._sending >= _AT_ONCE:
            self._once_more = True  # one that leaves after this is enough, and one already on its way is not
            return
        await self._send()

    async def _send(self) -> None:
        self._sending += 1
        try:
            await self._broker.send()
        except Unavailable:
            return
        finally:
            self._sending -= 1
            if self._once_more:
                self._once_more = False
                later = asyncio.create_task(self._send())
                self._later.add(later)
                later.add_done_callback(self._later.discard)
