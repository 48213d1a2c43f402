"""What a process does between SIGTERM and its shutdown."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class Drain:
    """A limited time after SIGTERM in which a process finishes its work and takes no new work."""

    def __init__(self, seconds: float) -> None:
        """Let the shutdown begin after *seconds* at the latest; 0 turns the drain off."""
        self._seconds = seconds
        self._work: Callable[[], Awaitable[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    def calls(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await *work* in the drain, which ends when *work* returns. Without this call there is no drain."""
        self._work = work

    def begin(self, shut_down: Callable[[], None]) -> bool:
        """Begin, and call *shut_down* at the end. Return False if there is no drain, or if it has begun."""
        if self._work is None or self._task is not None or not self._seconds:
            return False
        _log.info("draining for up to %g s before the shutdown", self._seconds, extra={"event": "drain"})
        self._task = asyncio.create_task(self._run(self._work), name="drain")
        self._task.add_done_callback(lambda task: None if task.cancelled() else shut_down())
        return True

    def stop(self) -> None:
        """End it early, without a call of `shut_down`."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await work()
        except TimeoutError:
            pass
        except Exception:  # noqa: BLE001 - the shutdown must follow
            _log.exception("the drain failed", extra={"event": "drain"})
