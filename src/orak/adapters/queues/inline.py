"""A queue without a broker: who wakes a worker runs it, in the same process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.failures import Unavailable
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)


class InlineQueue:
    """A `Queue` with its own workers: each wake-up drains what waits, fairest first, as capacity allows."""

    def __init__(
        self,
        process: Callable[[UploadId | None], Awaitable[bool]],
        capacity: asyncio.Semaphore,
        *,
        workers: int,
        batch_size: int,
    ) -> None:
        """Run up to *workers* drains at once, 0 for none; each takes up to *batch_size* and then ends."""
        self._process = process
        self._capacity = capacity
        self._workers = workers
        self._batch_size = batch_size
        self._drains: set[asyncio.Task[None]] = set()
        self._woken_again = False
        self._closed = False

    async def wake(self) -> None:
        """Start a worker, or have those that run look once more before they end."""
        if self._closed:
            return
        if len(self._drains) >= self._workers:
            self._woken_again = True
            return
        drain = asyncio.create_task(self._drain())
        self._drains.add(drain)

    async def close(self) -> None:
        """Stop the workers, and return when each lease has been given back."""
        self._closed = True
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)

    async def _drain(self) -> None:
        try:
            for _ in range(self._batch_size):
                async with self._capacity:
                    self._woken_again = False
                    found = await self._process(None)
                # A wake-up that came while the claim was being asked may be for a row that it did not see.
                if not found and not self._woken_again:
                    break
        except Unavailable as outage:
            _log.warning("background conversion stopped until it is woken again: %s", outage)
        except Exception:  # noqa: BLE001 - a worker that cannot work ends; the next wake-up or sweep starts one
            _log.exception("background conversion stopped until it is woken again")
        finally:
            self._drains.discard(asyncio.current_task())
