from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.event_log import EventLog
from orak.application.ports.upload_histories import UploadHistories

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class PruneEvents:
    """Remove events older than *retention* that every reader is done with.

    The newest event of an upload stays as long as its row: the log can still be replayed, and says what is.
    """

    event_log: EventLog
    cursors: Cursors
    log: UploadHistories
    clock: Clock
    subscribers: Callable[[], Awaitable[Sequence[str]]]
    retention: timedelta | None
    """None keeps every event for ever."""

    async def __call__(self) -> int:
        """Return how many were removed. Raise `Unavailable` if the database cannot be reached."""
        if self.retention is None:
            return 0
        before = self.clock.now() - self.retention
        place, end, removed = 0, await self._read_by_all(), 0
        while page := await self.event_log.after(place, 1):
            if page[0].position > end or page[0].event.at >= before:
                break
            last = min(page[0].position + _AT_ONCE - 1, end)
            removed += await self.log.forget(place, last, before)
            place = last
        return removed

    async def _read_by_all(self) -> int:
        end = await self.event_log.last()
        lags = [
            await self.cursors.lag(subscriber, self.clock.now()) for subscriber in await self.subscribers()
        ]
        return end - max((lag.behind for lag in lags), default=0)
