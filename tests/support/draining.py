"""Waiting uploads, and a process that converts them as in production."""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from builders import an_upload, created
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.live.memory import MemoryLive
from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.shared import SharedQueue
from orak.adapters.queues.taskiq_queue import TaskiqQueue
from orak.adapters.redis.link import RedisLink
from orak.adapters.storage.memory import MemoryStorage
from orak.application.batch_schedule import BatchSchedule
from orak.application.batch_size import BatchSize
from orak.application.ports.batch_log import BatchTotals
from orak.application.ports.converter import ConversionOrder
from orak.application.ports.queue import Queue
from orak.domain.audio import Conversion, Loudness
from orak.domain.events import EventType
from orak.domain.identity import UploadId, UserId
from orak.entrypoints.worker.batches import Batches
from orak.entrypoints.worker.taskiq_listener import listening
from orak.entrypoints.worker.timers import Timer
from processing import a_process

DEADLINE = 60
"""Seconds; far more than any wait takes, so only a test that hangs reaches it."""

_IN_ONE_TRANSACTION = 500


class TrivialConverter:
    """A converter that writes an empty rendition once `let_end` allows it."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Semaphore(0)
        self.changed = asyncio.Condition()

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        async with self.changed:
            self.begun += 1
            self.changed.notify_all()
        await self.may_end.acquire()
        order.audio.write_bytes(b"")
        order.waveform.write_bytes(b"{}")
        progress(1.0)
        return Conversion(1.0, Loudness(-20.0, -14.0, -1.5))

    async def until_begun(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.begun >= count)

    def let_end(self, count: int) -> None:
        for _ in range(count):
            self.may_end.release()


@dataclass
class Drain:
    """The workers of one process, with their collaborators."""

    persistence: object
    storage: MemoryStorage
    converter: TrivialConverter
    pool: InlineQueue
    queue: Queue
    clock: FrozenClock
    looks: int = 0
    """How often the process has looked whether a batch is due."""
    batches_ended: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def pass_time(self, seconds: int) -> None:
        """Advance the clock second by second; the process looks for a batch in each."""
        for _ in range(seconds):
            seen = self.looks
            self.clock.advance(timedelta(seconds=1))
            await self.until(lambda: self.looks > seen)  # noqa: B023 - waited for here

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)

    async def until_batches(self, count: int) -> BatchTotals:
        """Return the totals once *count* batches have started something and ended."""
        async with asyncio.timeout(DEADLINE):
            while (totals := await self.persistence.batch_log.totals()).batches < count:  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.005)  # nothing says when the database has changed
        return totals

    async def line_up(self, owners: list[UserId], at) -> list[UploadId]:
        """Store waiting uploads of these owners, in this order."""
        uploads = [await self.persistence.intake.add(an_upload(owner, at=at)) for owner in owners]
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"abc")
            file.flush()
            for upload in uploads:
                await self.storage.publish(upload.key, Path(file.name), content_type=upload.content_type)
        for begin in range(0, len(uploads), _IN_ONE_TRANSACTION):
            for upload in uploads[begin : begin + _IN_ONE_TRANSACTION]:
                await created(self.persistence, upload, await self.storage.head(upload.key), at=at)
        return [upload.id for upload in uploads]

    async def starts(self) -> list[tuple[UserId, UploadId]]:
        """Return owner and upload of every started conversion, in the order of the event log."""
        while await self.persistence.event_log.number():
            pass
        started, position = [], 0
        while page := await self.persistence.event_log.after(position, 1000):
            position = page[-1].position
            started += [
                (one.event.user_id, one.upload_id)
                for one in page
                if one.event.type is EventType.PROCESSING_STARTED
            ]
        return started


@asynccontextmanager
async def a_drain(persistence, clock, *, workers, storage=None, redis=None, batch_size=50, interval=None):
    """Open a background process on a frozen clock.

    With *redis*, its wake-ups come from there. With an *interval*, it runs batches.
    """
    storage = storage or MemoryStorage("http://orak.test", b"k" * 32, clock)
    converter = TrivialConverter()
    process_upload = a_process(
        persistence, storage, converter, MemoryLive(), clock, heartbeat=timedelta(seconds=10)
    )
    async with AsyncExitStack() as stack:
        pool = InlineQueue(asyncio.Semaphore(workers), clock, workers=workers)
        queue: Queue = pool
        if redis is not None:
            link = await stack.enter_async_context(RedisLink.open(redis.url, "Redis"))
            queue = await stack.enter_async_context(TaskiqQueue.open(redis.url, link, clock))
        drain = Drain(persistence, storage, converter, pool, queue, clock)
        settings = persistence.batch_settings
        if interval is not None:
            schedule = BatchSchedule(settings, BatchSize(settings, batch_size), clock, interval)

            async def run_batch(size):
                report = await pool.run_batch(size)
                drain.batches_ended += 1
                return report

            batches = Batches(schedule, run_batch, persistence.batch_log, SharedMeasurements())
            stack.push_async_callback(batches.close)

            async def look():
                await batches.look()
                drain.looks += 1
                async with drain.changed:
                    drain.changed.notify_all()

            timer = Timer("batch", look, clock, seconds=1)
            stack.push_async_callback(timer.stop)
        pool.open(process_upload)
        stack.push_async_callback(pool.close)
        if redis is not None:
            wake = SharedQueue(pool, queue).wake
            await stack.enter_async_context(listening(redis.url, link, pool, wake))
        if interval is not None:
            timer.start()
            await drain.until(lambda: drain.looks > 0)
            # The first batch finds what waits now, and nothing that a test lines up later.
            async with asyncio.timeout(DEADLINE):
                while not (drain.batches_ended or converter.begun):  # noqa: ASYNC110 - neither sets an event
                    await asyncio.sleep(0.005)
        yield drain
