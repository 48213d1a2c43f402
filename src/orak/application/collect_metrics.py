from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, Lag
from orak.application.ports.reports import Counts, Reports
from orak.domain.policies.retention import ORPHAN_AGE


class SubscriberLag(msgspec.Struct, frozen=True):
    """How far a reader of events is behind."""

    lag: Lag
    seconds: float
    """Age of the oldest event that it is not done with; 0 if it is done with all."""


class ServiceMetrics(msgspec.Struct, frozen=True):
    """How orak does, over all processes."""

    counts: Counts
    oldest_waiting_seconds: float
    """How long the first take in line that may start has stood there; 0 if none may."""
    subscribers: list[SubscriberLag]


@dataclass(frozen=True, slots=True)
class CollectMetrics:
    """ServiceMetrics how orak does: what operators are shown, and what alarms go by."""

    reports: Reports
    cursors: Cursors
    clock: Clock
    subscribers: Callable[[], Awaitable[Sequence[str]]]

    async def __call__(self) -> ServiceMetrics:
        """Measure now. Raise `Unavailable` if the database cannot be reached."""
        now = self.clock.now()
        counts = await self.reports.count(now, now - ORPHAN_AGE)
        since = counts.in_line_since
        lags = [await self.cursors.lag(subscriber, now) for subscriber in await self.subscribers()]
        return ServiceMetrics(
            counts,
            max(0.0, (now - since).total_seconds()) if since else 0.0,
            [
                SubscriberLag(lag, max(0.0, (now - lag.oldest_at).total_seconds()) if lag.oldest_at else 0.0)
                for lag in lags
            ],
        )
