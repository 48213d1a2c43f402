"""A queue without a broker: a wake-up starts a conversion in the same process."""

import asyncio
import logging
from collections.abc import Awaitable
from contextvars import Context
from datetime import datetime
from typing import Protocol

from orak.adapters.queues.later import LaterWakeUps
from orak.adapters.queues.sources import Batch, Source, WakeUps
from orak.application.ports.batch_log import BatchReport
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.domain.policies.retries import UNAVAILABLE_DELAY
from orak.domain.processing import Start
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)


class Process(Protocol):
    """Converts the next in line, as `ProcessUpload` does; returns None if nothing is waiting."""

    def __call__(self, *, start: Start) -> Awaitable[Upload | None]:
        """Convert it; *start* says what asks for it."""
        ...


class InlineQueue:
    """A `Queue` that converts in this process, and runs its batches.

    Each wake-up waits for room and then starts one upload, the fairest. A batch starts up to its size. Both
    take turns for the same room, and an upload is claimed only once there is room for it.
    """

    def __init__(self, capacity: asyncio.Semaphore, clock: Clock, *, workers: int) -> None:
        """Run up to *workers* conversions at once, 0 for none; each uses one of *capacity*."""
        self._capacity = capacity
        self._clock = clock
        self._room = asyncio.Semaphore(workers)
        self._workers = workers
        self._process: Process | None = None
        self._opened = asyncio.Event()
        self._starts_no_more = False
        self._wake_ups = WakeUps()
        self._batch: Batch | None = None
        self._starters: dict[Source, asyncio.Task[None]] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._later = LaterWakeUps(self.wake, clock)
        self._pause_until: datetime | None = None

    def open(self, process: Process) -> None:
        """Begin to convert with *process*. Earlier wake-ups take effect now.

        Call this once, on the event loop.
        """
        self._process = process
        self._opened.set()
        self._start(self._wake_ups)

    async def wake(self) -> None:
        """Start one waiting upload as soon as there is room."""
        self._wake_ups.add()
        self._start(self._wake_ups)

    def wake_at(self, due: datetime) -> None:
        """Send a wake-up at *due*."""
        if not self._starts_no_more:
            self._later.at(due)

    @property
    def is_full(self) -> bool:
        """Whether a wake-up would have to wait."""
        return self._process is None or self._starts_no_more or self._room.locked()

    async def room(self) -> None:
        """Return as soon as a wake-up would not have to wait; without workers or after `finish`, never."""
        await self._opened.wait()
        async with self._room:
            pass
        if self._starts_no_more:
            await asyncio.Event().wait()

    async def run_batch(self, size: int) -> BatchReport:
        """Start up to *size* waiting uploads, each as soon as there is room; return when they have ended.

        An earlier batch that still waits for room starts no more.
        """
        self._end_batch()
        batch = self._batch = Batch(size, self._clock.now())
        if self._process is None or self._starts_no_more or not self._workers:
            batch.start_no_more()
        self._start(batch)
        await batch.ended.wait()
        return batch.report(self._clock.now())

    async def finish(self) -> None:
        """Start no more conversions; return when those that run have ended."""
        await self._stop_starting()
        while self._jobs:
            await asyncio.wait(self._jobs)

    async def close(self) -> int:
        """Stop all conversions; return how many, when each has released its lease."""
        await self._stop_starting()
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        return sum(job.cancelled() for job in jobs)

    async def _stop_starting(self) -> None:
        self._starts_no_more = True
        self._end_batch()
        await self._later.close()
        starters = list(self._starters.values())
        for starter in starters:
            starter.cancel()
        await asyncio.gather(*starters, return_exceptions=True)

    def _end_batch(self) -> None:
        if self._batch is None:
            return
        self._batch.start_no_more()
        if starter := self._starters.pop(self._batch, None):
            starter.cancel()
        self._batch = None

    def _start(self, source: Source) -> None:
        """Have a task start the conversions of *source*, unless one does."""
        process = self._process
        if process is None or self._starts_no_more or not self._workers or not source.left:
            return
        if source not in self._starters:
            # In a context of its own: it does not serve the request that sent the wake-up.
            starter = asyncio.create_task(self._start_all(process, source), context=Context())
            self._starters[source] = starter

    async def _start_all(self, process: Process, source: Source) -> None:
        try:
            while source.left:
                await self._pause()
                await self._enter_room()
                if not source.left:  # a claim found nothing meanwhile
                    self._leave_room()
                    return
                job = asyncio.create_task(self._convert(process, source, source.begin()))
                self._jobs.add(job)
                job.add_done_callback(self._jobs.discard)
        finally:
            self._starters.pop(source, None)

    async def _convert(self, process: Process, source: Source, number: int) -> None:
        try:
            upload = await process(start=source.start)
        except Unavailable as outage:
            if self._pause_until is None:
                _log.warning(
                    "background conversion pauses: %s",
                    outage,
                    extra={"event": "outage", "part": "conversion", "reason": str(outage)},
                )
            self._pause_until = self._clock.now() + UNAVAILABLE_DELAY
            source.give_back()
            self._start(source)
        except Exception:  # noqa: BLE001 - a bug with one upload must not stop the others
            _log.exception("a background conversion failed to run", extra={"event": "start_error"})
            source.break_off()
        except asyncio.CancelledError:
            source.break_off()
            raise
        else:
            self._pause_until = None
            source.end(number, upload)
            if upload is not None and (due := upload.comes_again_at) is not None:
                self.wake_at(due)
        finally:
            self._leave_room()

    async def _pause(self) -> None:
        """Wait for the end of the pause after an outage."""
        while self._pause_until is not None and self._pause_until > self._clock.now():
            await self._clock.sleep((self._pause_until - self._clock.now()).total_seconds())

    async def _enter_room(self) -> None:
        await self._room.acquire()
        try:
            await self._capacity.acquire()
        except BaseException:
            self._room.release()
            raise

    def _leave_room(self) -> None:
        self._capacity.release()
        self._room.release()
