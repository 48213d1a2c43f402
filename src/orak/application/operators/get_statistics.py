from dataclasses import dataclass

import msgspec

from orak.application.batch_size import BatchSize
from orak.application.collect_metrics import CollectMetrics, ServiceMetrics
from orak.domain.actor import Actor


class BatchRules(msgspec.Struct, frozen=True):
    """The settings of background conversion in this process."""

    enabled: bool
    max_concurrent: int


class Statistics(msgspec.Struct, frozen=True):
    """Conversion statistics."""

    metrics: ServiceMetrics
    rules: BatchRules
    batch_size: int


@dataclass(frozen=True, slots=True)
class GetStatistics:
    """Return conversion statistics over all processes."""

    collect_metrics: CollectMetrics
    batch_size: BatchSize
    rules: BatchRules

    async def __call__(self, actor: Actor) -> Statistics:
        """Return the statistics. Raise `AdminRequired`."""
        actor.check_admin()
        return Statistics(await self.collect_metrics(), self.rules, await self.batch_size())
