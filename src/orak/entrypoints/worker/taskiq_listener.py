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
    """The workers of this process, which wake-ups are passed on to."""

    @property
    def is_full(self) -> bool:
        """Whether a wake-up would start no worker."""
        ...

    async def room(self) -> None:
        """Return as soon as a wake-up would start a worker."""
        ...


@asynccontextmanager
async def listening(url: str, link: RedisLink, pool: Pool) -> AsyncIterator[None]:
    """Wake *pool* for each wake-up on Redis, until the block ends.

    While the pool is full the listener leaves wake-ups on Redis, where another process may have room. During
    an outage of Redis no wake-ups arrive; afterwards the listener goes on without a restart.
    """

    async def look() -> None:
        if pool.is_full:  # the pool filled up while the blocking pop was under way
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
