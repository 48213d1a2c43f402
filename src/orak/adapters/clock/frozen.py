import asyncio
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

_THEN = datetime(2024, 1, 1, 12, tzinfo=UTC)


class FrozenClock:
    """Time that stands still until it is told to go on; for tests, and for whoever replays the past."""

    def __init__(self, now: datetime = _THEN) -> None:
        self._now = now
        self._order = count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the time at which the clock stands."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was advanced by that much; 0 lets others run and returns."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), woken))
        await woken

    def advance(self, by: timedelta) -> None:
        """Go on by that much, and wake whoever's time has come, the earliest first."""
        self._now += by
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heappop(self._sleepers)
            if not woken.done():  # its sleeper may have been cancelled
                woken.set_result(None)
