"""Starting a conversion inside the call that asks for it."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol

from orak.application.ports.failures import Unavailable
from orak.application.ports.queue import Queue
from orak.application.ports.starter import Started
from orak.domain.identity import UploadId
from orak.domain.processing import Start
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)


class _Process(Protocol):
    def __call__(self, upload_id: UploadId, *, start: Start) -> Awaitable[Upload | None]: ...


class Slots:
    """A `Starter` with *immediate* slots for conversions in this process.

    If no slot is free, it wakes a worker. Each conversion is a task of its own, so a client that hangs up
    does not cancel it. Slots and background workers share *capacity*, so that together they never run more
    conversions than the machine has room for.
    """

    def __init__(self, queue: Queue, capacity: asyncio.Semaphore, *, immediate: int) -> None:
        self._queue = queue
        self._capacity = capacity
        self._immediate = immediate
        self._process: _Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    def open(self, process: _Process) -> None:
        """Begin to convert with *process*; until then, `start` wakes a worker."""
        self._process = process

    async def start(self, upload_id: UploadId) -> Started:
        """Convert now if a slot is free, else wake a worker."""
        process = self._process
        if process is None or not self._has_room():
            await self._queue.wake()
            return _NotStarted(found_no_slot=self._immediate > 0)
        await self._capacity.acquire()  # never waits: it was not locked, and no other task ran since
        task = asyncio.create_task(self._run(process, upload_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _Running(task, self._closing)

    def end_waits(self) -> None:
        """Answer all waiting calls and start no more conversions; those that run go on."""
        self._closing.set()

    async def close(self) -> None:
        """End the waits and stop conversions; return when each has released its lease.

        A wake-up for each of them goes to another process, if there is one.
        """
        self.end_waits()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in filter(asyncio.Task.cancelled, tasks):
            await self._queue.wake()

    def _has_room(self) -> bool:
        return (
            not self._closing.is_set() and len(self._tasks) < self._immediate and not self._capacity.locked()
        )

    async def _run(self, process: _Process, upload_id: UploadId) -> None:
        try:
            upload = await process(upload_id, start=Start.IMMEDIATE)
            if upload is not None and (due := upload.comes_again_at) is not None:
                self._queue.wake_at(due)
        except Unavailable as outage:
            _log.warning(
                "the upload waits for a worker",
                extra={"event": "start_error", "uploadId": upload_id, "reason": str(outage)},
            )
            await self._queue.wake()
        except Exception:  # noqa: BLE001 - the caller may be gone; a batch finds the row
            _log.exception(
                "the immediate conversion failed to run",
                extra={"event": "start_error", "uploadId": upload_id},
            )
        finally:
            self._capacity.release()


class _NotStarted:
    runs_here = False

    def __init__(self, *, found_no_slot: bool) -> None:
        self.found_no_slot = found_no_slot

    async def wait(self, seconds: float) -> None:
        """Return at once: the queue may take longer than any call waits."""


class _Running:
    runs_here = True
    found_no_slot = False

    def __init__(self, task: asyncio.Task[None], closing: asyncio.Event) -> None:
        self._task = task
        self._closing = closing

    async def wait(self, seconds: float) -> None:
        if seconds <= 0 or self._closing.is_set():
            return
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({self._task, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
