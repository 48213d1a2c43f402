import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from taskiq.receiver import Receiver

from orak.adapters.queues.taskiq_broker import WakeUpBroker
from orak.adapters.redis.link import RedisLink


class Pool(Protocol):
    """The conversions of this process."""

    async def room(self) -> None:
        """Return as soon as a wake-up would not have to wait."""
        ...


@asynccontextmanager
async def listening(
    url: str, link: RedisLink, pool: Pool, wake: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Call *wake* for each wake-up on Redis, until the block ends.

    While the pool is full the listener leaves wake-ups on Redis, where another process may have room. During
    an outage of Redis no wake-ups arrive; afterwards the listener goes on without a restart.
    """

    async def look() -> None:  # taskiq renames what it is given, which a method does not allow
        await wake()

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
