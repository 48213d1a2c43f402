"""Uploads that wait for workers, and the two ends of a queue on Redis."""

import asyncio
from contextlib import asynccontextmanager

from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.taskiq_queue import TaskiqQueue
from orak.adapters.redis.link import RedisLink
from orak.entrypoints.worker.taskiq_listener import listening

DEADLINE = 10


class WaitingUploads:
    """Waiting uploads, and conversions that last until `open` is set."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.done: list[int] = []
        self.running = 0
        self.looks = 0
        self.open = asyncio.Event()
        self.changed = asyncio.Condition()

    async def process(self, _upload_id=None, *, claimed=None) -> bool:
        self.looks += 1
        await self._tell()
        if not self.waiting:
            return False
        upload = self.waiting.pop(0)
        self.running += 1
        if claimed:
            claimed()
        await self._tell()
        try:
            await self.open.wait()
            self.done.append(upload)
        finally:
            self.running -= 1
        await self._tell()
        return True

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def a_pool(uploads, *, workers=2):
    async def batch_size() -> int:
        return 50

    pool = InlineQueue(asyncio.Semaphore(workers), workers=workers)
    pool.open(uploads.process, batch_size=batch_size)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def a_worker(server, uploads, *, workers=2):
    """The receiving end of the queue, as in `orak worker`."""
    async with (
        a_pool(uploads, workers=workers) as pool,
        RedisLink.open(server.url, "Redis") as link,
        listening(server.url, link, pool),
    ):
        yield pool


@asynccontextmanager
async def a_sender(server):
    """The sending end of the queue, as in `orak serve`."""
    async with RedisLink.open(server.url, "Redis") as link, TaskiqQueue.open(server.url, link) as queue:
        yield queue
