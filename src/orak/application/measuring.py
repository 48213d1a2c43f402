from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, Lag
from orak.application.ports.operations import Counts, Operations
from orak.domain.policies import ORPHAN_AGE


class ReaderLag(msgspec.Struct, frozen=True):
    """How far a reader of facts is behind."""

    lag: Lag
    seconds: float
    """Age of the oldest fact that it is not done with; 0 if it is done with all."""


class Measures(msgspec.Struct, frozen=True):
    """How orak does, over all processes."""

    counts: Counts
    oldest_waiting_seconds: float
    """How long the first take in line that may start has stood there; 0 if none may."""
    readers: list[ReaderLag]


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures how orak does: what operators are shown, and what alarms go by."""

    operations: Operations
    cursors: Cursors
    clock: Clock
    readers: Callable[[], Awaitable[Sequence[str]]]

    async def __call__(self) -> Measures:
        """Measure now. Raise `Unavailable` if the database cannot be reached."""
        now = self.clock.now()
        counts = await self.operations.count(now, now - ORPHAN_AGE)
        since = counts.in_line_since
        lags = [await self.cursors.lag(reader, now) for reader in await self.readers()]
        return Measures(
            counts,
            max(0.0, (now - since).total_seconds()) if since else 0.0,
            [
                ReaderLag(lag, max(0.0, (now - lag.oldest_at).total_seconds()) if lag.oldest_at else 0.0)
                for lag in lags
            ],
        )
