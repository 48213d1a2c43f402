"""A queue without a broker: a wake-up starts a worker in the same process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from orak.application.ports.failures import Unavailable
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)

_BatchSize = Callable[[], Awaitable[int]]


class Process(Protocol):
    """Convert one waiting upload, as `ProcessUpload` does."""

    async def __call__(
        self, upload_id: UploadId | None = None, *, claimed: Callable[[], object] | None = None
    ) -> bool:
        """Call *claimed* once an upload is claimed; return False if nothing is waiting."""
        ...


class InlineQueue:
    """A `Queue` with workers in this process that convert uploads, fairest first.

    One wake-up is enough for any number of uploads: each worker that claims one starts another worker, until
    all are busy or nothing is waiting.
    """

    def __init__(self, capacity: asyncio.Semaphore, *, workers: int) -> None:
        """Run up to *workers* workers, 0 for none; each conversion uses one of *capacity*."""
        self._capacity = capacity
        self._workers = workers
        self._work: tuple[Process, _BatchSize] | None = None
        self._opened = asyncio.Event()
        self._drains: set[asyncio.Task[None]] = set()
        self._woken_again = False
        self._closed = False

    def open(self, process: Process, *, batch_size: _BatchSize) -> None:
        """Begin to convert with *process*, reading *batch_size* before each conversion.

        Call this once, on the event loop. Earlier wake-ups take effect now.
        """
        self._work = process, batch_size
        self._opened.set()
        if self._woken_again:
            self._start_worker()

    async def wake(self) -> None:
        """Start a worker; if none can start, have the running ones claim once more."""
        if not self._start_worker():
            self._woken_again = True

    @property
    def is_full(self) -> bool:
        """Whether a wake-up would start no worker."""
        return self._work is None or len(self._drains) >= self._workers

    async def room(self) -> None:
        """Return as soon as a wake-up would start a worker; without workers, never."""
        await self._opened.wait()
        while self.is_full:
            if not self._drains:
                await asyncio.Event().wait()
            await asyncio.wait(self._drains, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Stop the workers; return when each has released its lease."""
        self._closed = True
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)

    def _start_worker(self) -> bool:
        if self._work is None or self._closed or self.is_full:
            return False
        self._drains.add(asyncio.create_task(self._drain(*self._work)))
        return True

    async def _drain(self, process: Process, batch_size: _BatchSize) -> None:
        try:
            while not self._closed and await self._batch(process, batch_size):
                pass
        except Unavailable as outage:
            _log.warning("background conversion stopped until the next wake-up: %s", outage)
        except Exception:  # noqa: BLE001 - a worker that fails ends; the next wake-up or sweep starts another
            _log.exception("background conversion stopped until the next wake-up")
        finally:
            self._drains.discard(asyncio.current_task())

    async def _batch(self, process: Process, batch_size: _BatchSize) -> bool:
        """Convert one batch of uploads; return False as soon as nothing is waiting.

        The size is read again before each conversion: a batch of a thousand long recordings lasts for hours,
        in which an operator may change the size.
        """
        converted = 0
        while converted < await batch_size():
            async with self._capacity:
                self._woken_again = False
                found = await process(claimed=self._start_worker)
            # A wake-up during the claim may be about an upload that the claim did not see.
            if not found and not self._woken_again:
                return False
            converted += 1
        _log.debug("a batch of %d uploads is full; the next batch begins", converted)
        return True
