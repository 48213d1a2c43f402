"""A queue without a broker: who wakes a worker runs it, in the same process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from orak.application.ports.failures import Unavailable
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)


class Process(Protocol):
    """Processes one take, as `ProcessUpload` does."""

    async def __call__(
        self, upload_id: UploadId | None = None, *, claimed: Callable[[], object] | None = None
    ) -> bool:
        """Return False if there was none to be had; *taken* is called as soon as there is one."""
        ...


class InlineQueue:
    """A `Queue` with its own workers: a wake-up drains what waits, fairest first, as capacity allows.

    One wake-up is enough for any number of takes: whoever finds one brings in another worker, until all work
    or nothing is left.
    """

    def __init__(
        self,
        process: Process,
        capacity: asyncio.Semaphore,
        *,
        workers: int,
        batch_size: Callable[[], Awaitable[int]],
    ) -> None:
        """Run up to *workers* drains at once, 0 for none; each asks for *batch_size* before each take."""
        self._process = process
        self._capacity = capacity
        self._workers = workers
        self._batch_size = batch_size
        self._drains: set[asyncio.Task[None]] = set()
        self._woken_again = False
        self._closed = False

    async def wake(self) -> None:
        """Start a worker, or have those that run look once more before they end."""
        if not self._bring_another():
            self._woken_again = True

    @property
    def is_full(self) -> bool:
        """Whether a wake-up would start nobody."""
        return len(self._drains) >= self._workers

    async def room(self) -> None:
        """Return as soon as a wake-up would start a worker; with *workers* 0, never."""
        while self.is_full:
            if not self._drains:
                await asyncio.Event().wait()
            await asyncio.wait(self._drains, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Stop the workers, and return when each lease has been given back."""
        self._closed = True
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)

    def _bring_another(self) -> bool:
        if self._closed or self.is_full:
            return False
        self._drains.add(asyncio.create_task(self._drain()))
        return True

    async def _drain(self) -> None:
        try:
            while not self._closed and await self._batch():
                pass
        except Unavailable as outage:
            _log.warning("background conversion stopped until it is woken again: %s", outage)
        except Exception:  # noqa: BLE001 - a worker that cannot work ends; the next wake-up or sweep starts one
            _log.exception("background conversion stopped until it is woken again")
        finally:
            self._drains.discard(asyncio.current_task())

    async def _batch(self) -> bool:
        """Process as many takes as a batch has; False as soon as none is left.

        The size counts as it is now, not as it was when the batch began, perhaps a thousand long takes ago.
        """
        claimed = 0
        while claimed < await self._batch_size():
            async with self._capacity:
                self._woken_again = False
                found = await self._process(claimed=self._bring_another)
            # A wake-up that came while the claim was being asked may be for a row that it did not see.
            if not found and not self._woken_again:
                return False
            claimed += 1
        _log.debug("a batch of %d takes is full; the next one follows", claimed)
        return True
