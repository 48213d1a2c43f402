"""Uploads that wait for workers, and the two ends of a queue on Redis."""

import asyncio
from contextlib import asynccontextmanager

from msgspec.structs import replace

from builders import an_upload
from orak.adapters.clock.system import SystemClock
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.shared import SharedQueue
from orak.adapters.queues.taskiq_queue import TaskiqQueue
from orak.adapters.redis.link import RedisLink
from orak.domain.processing import ProcessingStatus, Start
from orak.domain.upload import Upload
from orak.entrypoints.worker.taskiq_listener import listening

DEADLINE = 10


class WaitingUploads:
    """Waiting uploads, and conversions that last until `open` is set."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.done: list[int] = []
        self.running = 0
        self.looks = 0
        self.starts: list[Start] = []
        self.open = asyncio.Event()
        self.changed = asyncio.Condition()

    async def process(self, *, start: Start) -> Upload | None:
        self.looks += 1
        self.starts.append(start)
        await self._tell()
        if not self.waiting:
            return None
        upload = self.waiting.pop(0)
        self.running += 1
        await self._tell()
        try:
            await self.open.wait()
            self.done.append(upload)
        finally:
            self.running -= 1
        await self._tell()
        return replace(an_upload(), status=ProcessingStatus.COMPLETED)

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def a_pool(uploads, *, workers=2):
    pool = InlineQueue(asyncio.Semaphore(workers), SystemClock(), workers=workers)
    pool.open(uploads.process)
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
        TaskiqQueue.open(server.url, link, SystemClock()) as others,
        listening(server.url, link, pool, SharedQueue(pool, others).wake),
    ):
        yield pool


@asynccontextmanager
async def a_sender(server):
    """The sending end of the queue, as in `orak serve`."""
    async with (
        RedisLink.open(server.url, "Redis") as link,
        TaskiqQueue.open(server.url, link, SystemClock()) as queue,
    ):
        yield queue
