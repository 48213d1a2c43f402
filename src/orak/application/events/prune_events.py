from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.event_log import EventLog
from orak.application.ports.upload_histories import UploadHistories

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class PruneEvents:
    """Remove events older than `retention` that every subscriber is done with.

    The newest event of an upload stays as long as its row, so the log can still be compared with the tables.
    """

    event_log: EventLog
    cursors: Cursors
    histories: UploadHistories
    clock: Clock
    subscribers: Callable[[], Awaitable[Sequence[str]]]
    retention: timedelta | None
    """None keeps every event."""

    async def __call__(self) -> int:
        """Return how many events were removed.

        Raise `Unavailable` if the database cannot be reached.
        """
        if self.retention is None:
            return 0
        before = self.clock.now() - self.retention
        position, end, removed = 0, await self._read_by_all(), 0
        while page := await self.event_log.after(position, 1):
            if page[0].position > end or page[0].event.at >= before:
                break
            last = min(page[0].position + _PAGE - 1, end)
            removed += await self.histories.forget(position, last, before)
            position = last
        return removed

    async def _read_by_all(self) -> int:
        """Return the position up to which every subscriber has read."""
        end = await self.event_log.last()
        lags = await self.cursors.lags(await self.subscribers(), self.clock.now())
        return end - max((lag.behind for lag in lags), default=0)
