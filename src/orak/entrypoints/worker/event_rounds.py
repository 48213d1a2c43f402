import asyncio
from collections.abc import Callable

from orak.application.ports.clock import Clock
from orak.application.ports.event_signal import EventSignal

_SHORTEST_PAUSE_SECONDS = 0.02

_QUIET_SECONDS = 5.0
"""How often the log is read if nothing waits and every commit of events is heard of."""


class EventRounds:
    """When the timers that read the event log do their work: together, so that one look serves them all.

    A round begins when events are committed. Under load, pauses between rounds grow up to *seconds*, so that
    each round reads many events. Without a signal, a round begins every *seconds*. It is every 5 seconds
    while *is_quiet* and every process is heard.
    """

    def __init__(
        self, signal: EventSignal, is_quiet: Callable[[], bool], clock: Clock, *, seconds: float
    ) -> None:
        self._signal = signal
        self._is_quiet = is_quiet
        self._clock = clock
        self._seconds = seconds
        self._pause = _SHORTEST_PAUSE_SECONDS
        self._committed = asyncio.Event()
        self._next: asyncio.Task[None] | None = None
        self.begun = 0
        """How many rounds have begun."""
        signal.listen(self._committed.set)

    async def after(self, begun: int) -> None:
        """Return once more than *begun* rounds have begun, at once if a caller missed one."""
        while self.begun <= begun:
            if self._next is None:
                self._next = asyncio.create_task(self._wait(), name="event round")
            await asyncio.shield(self._next)

    async def close(self) -> None:
        """Begin no further round. Stop the timers first."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})

    async def _wait(self) -> None:
        try:
            await self._pause_or_committed()
            self.begun += 1
        finally:
            self._next = None

    async def _pause_or_committed(self) -> None:
        await self._clock.sleep(self._pause)
        if self._committed.is_set():
            self._pause = min(2 * self._pause, self._seconds)
        else:
            self._pause = min(_SHORTEST_PAUSE_SECONDS, self._seconds)
            is_quiet = self._signal.hears_every_process and self._is_quiet()
            await self._committed_or_slept(max(_QUIET_SECONDS, self._seconds) if is_quiet else self._seconds)
        self._committed.clear()

    async def _committed_or_slept(self, seconds: float) -> None:
        waits = {
            asyncio.create_task(self._committed.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
