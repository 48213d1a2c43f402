"""Waiting uploads, and workers that convert them as in production."""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from builders import a_record, an_upload
from orak.adapters.live.memory import MemoryLive
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.storage.memory import MemoryStorage
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import Conversion, Loudness
from orak.domain.events import EventType
from orak.domain.identity import UploadId, UserId
from processing import a_process

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
    queue: InlineQueue
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def line_up(self, owners: list[UserId], at) -> list[UploadId]:
        """Store waiting uploads of these owners, in this order."""
        uploads = [await self.persistence.intake.add(an_upload(owner, at=at)) for owner in owners]
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"abc")
            file.flush()
            for upload in uploads:
                await self.storage.publish(upload.key, Path(file.name), content_type=upload.content_type)
        for begin in range(0, len(uploads), _IN_ONE_TRANSACTION):
            async with self.persistence.transaction() as tx:
                for upload in uploads[begin : begin + _IN_ONE_TRANSACTION]:
                    record = await tx.records.add(a_record(upload, at=at))
                    named = await tx.uploads.save(*upload.attach_record(record.id, at=at))
                    found = await self.storage.head(upload.key)
                    await tx.uploads.save(*named.receive(found, at=at))
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
async def a_drain(persistence, clock, *, workers, batch_size=50):
    """Open the workers: `queue.wake` starts them; `idle` is set once a claim finds nothing."""
    storage = MemoryStorage("http://orak.test", b"k" * 32, clock)
    converter = TrivialConverter()
    process_upload = a_process(
        persistence, storage, converter, MemoryLive(), clock, heartbeat=timedelta(seconds=10)
    )
    idle = asyncio.Event()

    async def process(upload_id=None, *, claimed=None):
        found = await process_upload(upload_id, claimed=claimed)
        if not found:
            idle.set()
        return found

    async def size():
        return batch_size

    queue = InlineQueue(asyncio.Semaphore(workers), workers=workers)
    queue.open(process, batch_size=size)
    try:
        yield Drain(persistence, storage, converter, queue, idle)
    finally:
        await queue.close()
