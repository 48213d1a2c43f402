import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from taskiq.receiver import Receiver

from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink
from orak.application.ports.failures import Unavailable
from orak.application.ports.queue import Queue


class Pool(Queue, Protocol):
    """Workers of this process that wake-ups are passed on to."""

    @property
    def is_full(self) -> bool:
        """Whether a wake-up would start nobody."""
        ...

    async def room(self) -> None:
        """Return as soon as a wake-up would start somebody."""
        ...


@asynccontextmanager
async def listening(url: str, link: RedisLink, pool: Pool) -> AsyncIterator[None]:
    """Wake *pool* for each wake-up that is received, until the block ends.

    None is taken while the pool is full: another process may have room. With Redis away none comes, and when
    it is back they come again by themselves.
    """

    async def look() -> None:
        if pool.is_full:  # it filled up while the pop was under way
            try:
                await broker.send()
            except Unavailable:
                pass
            else:
                return
        await pool.wake()

    broker = WakeUpBroker(url, link, look, pool.room)
    receiver = Receiver(broker, max_async_tasks=1, validate_params=False)
    finished = asyncio.Event()
    listener = asyncio.create_task(receiver.listen(finished), name="wake-ups")
    try:
        yield
    finally:
        finished.set()
        await listener
        await broker.shutdown()
