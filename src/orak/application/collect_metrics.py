from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from orak.application.batch_size import BatchSize
from orak.application.ports.batch_log import BatchLog, BatchTotals
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, Lag
from orak.application.ports.reports import Counts, Reports
from orak.domain.policies.retention import ORPHAN_AGE


class SubscriberLag(msgspec.Struct, frozen=True):
    """How far a subscriber is behind, in events and in seconds."""

    lag: Lag
    seconds: float
    """The age of the oldest event that the subscriber has not handled; 0 if it has handled all."""


class ServiceMetrics(msgspec.Struct, frozen=True):
    """Counts and delays over all processes."""

    counts: Counts
    oldest_waiting_seconds: float
    """How long the first upload that may start has been in line; 0 if none may start."""
    subscribers: list[SubscriberLag]
    batches: BatchTotals
    batch_size: int
    """How many conversions the next batch of a process may start."""


@dataclass(frozen=True, slots=True)
class CollectMetrics:
    """Collects the metrics that operators see and that alarms use."""

    reports: Reports
    batch_log: BatchLog
    batch_size: BatchSize
    cursors: Cursors
    clock: Clock
    subscribers: Callable[[], Awaitable[Sequence[str]]]

    async def __call__(self) -> ServiceMetrics:
        """Return the current metrics.

        Raise `Unavailable` if the database cannot be reached.
        """
        now = self.clock.now()
        counts = await self.reports.count(now, now - ORPHAN_AGE)
        since = counts.in_line_since
        lags = await self.cursors.lags(await self.subscribers(), now)
        return ServiceMetrics(
            counts,
            max(0.0, (now - since).total_seconds()) if since else 0.0,
            [
                SubscriberLag(lag, max(0.0, (now - lag.oldest_at).total_seconds()) if lag.oldest_at else 0.0)
                for lag in lags
            ],
            await self.batch_log.totals(),
            await self.batch_size(),
        )
