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
    """The time of a clock elsewhere, such as a database's: asked for now and then, counted on in between.

    It is as exact as half the quickest round trip of a few. It counts on by this machine's monotonic clock,
    so that setting the machine's time changes nothing here. Until it first follows it tells this machine's.
    """

    def __init__(self, *, every: float = 30.0, retry: float = 1.0) -> None:
        self._every = every
        self._retry = retry
        self._base = self._latest = datetime.now(UTC)
        self._based_at = time.monotonic()

    def now(self) -> datetime:
        """Return the time, aware and in UTC.

        It stands still rather than go back by less than a second. Further back it goes if the clock that it
        follows was set: leases would otherwise not end for as long.
        """
        told = self._base + timedelta(seconds=time.monotonic() - self._based_at)
        if not timedelta(0) < self._latest - told < _STEP:
            self._latest = told
        return self._latest

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def following(self, ask: Callable[[], Awaitable[datetime]]) -> AsyncIterator[None]:
        """Tell what *ask* tells; it was asked when the block begins, unless it is `Unavailable`."""
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
        """Ask a few times, and go by the quickest answer; say whether there was one."""
        quickest = float("inf")
        for _ in range(_SAMPLES):
            asked = time.monotonic()
            try:
                told = await ask()
            except Unavailable as outage:
                _log.debug("the time was not told: %s", outage)
                return False
            took = time.monotonic() - asked
            if took < quickest:
                quickest = took
                self._base, self._based_at = told, asked + took / 2
        return True
