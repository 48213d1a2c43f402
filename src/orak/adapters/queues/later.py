import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from orak.application.ports.clock import Clock


class LaterWakeUps:
    """Wake-ups that this process sends at a given time; those that are left at the end are dropped."""

    def __init__(self, wake: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._wake = wake
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def at(self, due: datetime) -> None:
        """Send a wake-up at *due*."""
        task = asyncio.create_task(self._wake_at(due), name="later wake-up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop the wake-ups that are not due yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wake_at(self, due: datetime) -> None:
        # A sleep may end a little early on this clock, and a claim before *due* would find nothing.
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(left)
        await self._wake()
