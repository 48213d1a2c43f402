"""What happens by itself, again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)


class Timer:
    """Does one thing at once and then every so many seconds, whatever became of it the last time."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], clock: Clock, *, seconds: float
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; to be called once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End, in the middle of the work if need be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # unlike awaiting it, this lets its caller be cancelled

    async def _run(self) -> None:
        while True:
            try:
                await self._work()
            except Unavailable as outage:
                _log.warning("%s: %s; next try in %g s", self._name, outage, self._seconds)
            except Exception:  # noqa: BLE001 - a bug in one round must not end all rounds
                _log.exception("%s failed; next try in %g s", self._name, self._seconds)
            await self._clock.sleep(self._seconds)
