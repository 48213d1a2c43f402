import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)

_SAMPLES = 3
_STEP = timedelta(seconds=1)


class FollowingClock:
    """The time of a remote clock, such as a database's.

    It reads the remote clock every *every* seconds; until the first answer, every *retry* seconds. In between
    it follows this machine's monotonic clock, so setting the machine's time has no effect. Its error is at
    most half the quickest of a few round trips. Before the first answer it returns this machine's time.
    """

    def __init__(self, *, every: float = 30.0, retry: float = 1.0) -> None:
        self._every = every
        self._retry = retry
        self._base = self._latest = datetime.now(UTC)
        self._based_at = time.monotonic()

    def now(self) -> datetime:
        """Return the time, aware and in UTC.

        Instead of going back by less than a second, the clock stands still. It follows a larger step back:
        the remote clock was set, and leases would otherwise last too long.
        """
        time_now = self._base + timedelta(seconds=time.monotonic() - self._based_at)
        if time_now >= self._latest or self._latest - time_now >= _STEP:
            self._latest = time_now
        return self._latest

    async def sleep(self, seconds: float) -> None:
        """Return after *seconds*."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def following(self, ask: Callable[[], Awaitable[datetime]]) -> AsyncIterator[None]:
        """Follow the clock that *ask* reads until the block ends.

        The first reading happens before the block begins. *ask* may raise `Unavailable`.
        """
        known = await self._measure(ask)
        follower = asyncio.create_task(self._follow(ask, known=known), name="clock")
        try:
            yield
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower

    async def _follow(self, ask: Callable[[], Awaitable[datetime]], *, known: bool) -> None:
        while True:
            await asyncio.sleep(self._every if known else self._retry)
            known = await self._measure(ask) or known

    async def _measure(self, ask: Callable[[], Awaitable[datetime]]) -> bool:
        """Ask a few times and use the quickest answer.

        Return False if *ask* is unavailable.
        """
        quickest = float("inf")
        for _ in range(_SAMPLES):
            asked = time.monotonic()
            try:
                answer = await ask()
            except Unavailable as outage:
                _log.debug(
                    "cannot read the clock of the database",
                    extra={"event": "outage", "part": "clock", "reason": str(outage)},
                )
                return False
            took = time.monotonic() - asked
            if took < quickest:
                quickest = took
                self._base, self._based_at = answer, asked + took / 2
        return True
