"""Starting a conversion inside the call that asks for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.queue import Queue
from orak.application.ports.starter import Started
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)


class Slots:
    """A `Starter` that converts in this process while fewer than *immediate* do, and else wakes a worker.

    The conversion is a task of its own: whoever waited for it may hang up. *capacity* is shared with the
    background work of the process, so that together they never ask more of the machine than it has.
    """

    def __init__(
        self,
        process: Callable[[UploadId | None], Awaitable[bool]],
        queue: Queue,
        capacity: asyncio.Semaphore,
        *,
        immediate: int,
    ) -> None:
        self._process = process
        self._queue = queue
        self._capacity = capacity
        self._immediate = immediate
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def start(self, upload_id: UploadId) -> Started:
        """Convert now if a slot is free, else wake a worker."""
        if self._closing.is_set() or len(self._tasks) >= self._immediate or self._capacity.locked():
            await self._queue.wake()
            return _NotStarted()
        await self._capacity.acquire()  # never waits: it was not locked, and nothing ran in between
        task = asyncio.create_task(self._run(upload_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _Running(task, self._closing)

    def end_waits(self) -> None:
        """Let nobody wait any longer, and start nothing more; what runs goes on."""
        self._closing.set()

    async def close(self) -> None:
        """End the waits, stop what runs, and return when each lease has been given back."""
        self.end_waits()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, upload_id: UploadId) -> None:
        try:
            await self._process(upload_id)
        except Exception:  # noqa: BLE001 - nobody may be waiting; the row waits on, and the sweep finds it
            _log.exception("the immediate conversion of upload %d did not happen", upload_id)
        finally:
            self._capacity.release()


class _NotStarted:
    async def wait(self, seconds: float) -> None:
        """Return at once: whenever the queue comes to it is too late to wait for."""


class _Running:
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
