import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink
from orak.application.ports.failures import Unavailable

_MAX_CONCURRENT = 8
"""Sends in progress at once; calls beyond that share one more send after them."""


class TaskiqQueue:
    """A `Queue` on Redis: a wake-up reaches some worker process that has room.

    A wake-up that Redis does not accept in time is lost. The sweep of the workers then finds the upload.
    """

    def __init__(self, broker: WakeUpBroker) -> None:
        self._broker = broker
        self._sending = 0
        self._send_again = False
        self._later: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink) -> AsyncIterator[Self]:
        """Open a queue with its own broker; Redis need not answer yet."""
        broker = WakeUpBroker(url, link)
        await broker.startup()
        queue = cls(broker)
        try:
            yield queue
        finally:
            await asyncio.gather(*queue._later)
            await broker.shutdown()

    async def wake(self) -> None:
        """Wake some worker. During an outage do nothing: the link has logged it."""
        if self._sending >= _MAX_CONCURRENT:
            self._send_again = True  # one later send covers all these calls; one under way does not
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
            if self._send_again:
                self._send_again = False
                later = asyncio.create_task(self._send())
                self._later.add(later)
                later.add_done_callback(self._later.discard)
