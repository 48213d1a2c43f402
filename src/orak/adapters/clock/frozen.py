import asyncio
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

_DEFAULT_TIME = datetime(2024, 1, 1, 12, tzinfo=UTC)


class FrozenClock:
    """A clock that stands still until it is advanced.

    It serves tests and the replay of past events.
    """

    def __init__(self, now: datetime = _DEFAULT_TIME) -> None:
        self._now = now
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the current time of this clock."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by *seconds*; 0 only yields to other tasks."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), woken))
        await woken

    def advance(self, by: timedelta) -> None:
        """Advance the clock and wake the sleepers that are due, the earliest first."""
        self._now += by
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heappop(self._sleepers)
            if not woken.done():  # its sleeper may have been cancelled
                woken.set_result(None)
