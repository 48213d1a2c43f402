from dataclasses import dataclass

import msgspec

from orak.application.operations.batch_size import BatchSize
from orak.application.ports.clock import Clock
from orak.application.ports.operations import Counts, Operations
from orak.domain.actor import Actor
from orak.domain.policies import ORPHAN_AGE


class BatchRules(msgspec.Struct, frozen=True):
    """How this process converts in the background."""

    enabled: bool
    max_concurrent: int


class Statistics(msgspec.Struct, frozen=True):
    """How conversion goes."""

    counts: Counts
    rules: BatchRules
    batch_size: int
    oldest_waiting_seconds: float
    """How long the first take in line that may start has stood there; 0 if none may."""


@dataclass(frozen=True, slots=True)
class GetStatistics:
    """Say how conversion goes, over all processes."""

    operations: Operations
    batch_size: BatchSize
    clock: Clock
    rules: BatchRules

    async def __call__(self, actor: Actor) -> Statistics:
        """Raise `AdminRequired`."""
        actor.check_admin()
        now = self.clock.now()
        counts = await self.operations.count(now, now - ORPHAN_AGE)
        since = counts.in_line_since
        waited = max(0.0, (now - since).total_seconds()) if since else 0.0
        return Statistics(counts, self.rules, await self.batch_size(), waited)
