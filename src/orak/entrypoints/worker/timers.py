"""Work that a process repeats at intervals."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)


class Timer:
    """A task that works at once and then every *seconds*, even after a failure.

    It warns of an outage once, and once more when the outage is over.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], clock: Clock, *, seconds: float
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the task. Call this once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Stop the task, in the middle of its work if necessary."""
        self._stopping = True  # ends the loop even if the work turns its cancellation into a failure
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # unlike awaiting the task, this can be cancelled

    async def _run(self) -> None:
        interrupted = False
        while not self._stopping:
            try:
                await self._work()
                if interrupted:
                    _log.warning("%s: works again", self._name)
                interrupted = False
            except Unavailable as outage:
                level = logging.DEBUG if interrupted else logging.WARNING
                _log.log(level, "%s: %s; next try in %g s", self._name, outage, self._seconds)
                interrupted = True
            except Exception:  # noqa: BLE001 - a bug in one round must not end all rounds
                _log.exception("%s failed; next try in %g s", self._name, self._seconds)
            await self._clock.sleep(self._seconds)
