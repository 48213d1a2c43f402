import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self

from orak.adapters.queues.later import LaterWakeUps
from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_MAX_CONCURRENT = 8
"""Sends in progress at once; the wake-ups of calls beyond that go together after one of them."""


class TaskiqQueue:
    """A `Queue` on Redis: a wake-up reaches some worker process that has room.

    A wake-up that Redis does not accept in time is lost. A batch of the workers then finds the upload.
    """

    def __init__(self, broker: WakeUpBroker, clock: Clock) -> None:
        self._broker = broker
        self._sending = 0
        self._unsent = 0
        self._sends: set[asyncio.Task[bool]] = set()
        self._later = LaterWakeUps(self.wake, clock)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink, clock: Clock) -> AsyncIterator[Self]:
        """Open a queue with its own broker; Redis need not answer yet."""
        broker = WakeUpBroker(url, link)
        await broker.startup()
        queue = cls(broker, clock)
        try:
            yield queue
        finally:
            await queue._later.close()
            await asyncio.gather(*queue._sends)
            await broker.shutdown()

    async def wake(self) -> None:
        """Send a wake-up. During an outage do nothing: the link has logged it."""
        await self.try_wake()

    async def try_wake(self) -> bool:
        """Send a wake-up; return False during an outage."""
        if self._sending >= _MAX_CONCURRENT:
            self._unsent += 1
            return True
        return await self._send(1)

    def wake_at(self, due: datetime) -> None:
        """Send a wake-up at *due*, from this process."""
        self._later.at(due)

    async def _send(self, wake_ups: int) -> bool:
        self._sending += 1
        try:
            await self._broker.send(wake_ups)
        except Unavailable:
            return False
        else:
            return True
        finally:
            self._sending -= 1
            if self._unsent:
                sending = asyncio.create_task(self._send(self._unsent))
                self._unsent = 0
                self._sends.add(sending)
                sending.add_done_callback(self._sends.discard)
