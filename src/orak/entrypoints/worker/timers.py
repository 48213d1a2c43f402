"""What happens by itself, again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)


class Timer:
    """Does one thing at once and then every so many seconds, whatever became of it the last time.

    Of an outage it logs the beginning and the end.
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
        """Begin; to be called once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End, in the middle of the work if need be."""
        self._stopping = True  # work that turns its cancellation into a failure ends it all the same
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # unlike awaiting it, this lets its caller be cancelled

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
