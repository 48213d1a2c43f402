from dataclasses import dataclass

import msgspec

from orak.application.collect_metrics import CollectMetrics, ServiceMetrics
from orak.application.ports.reports import Reports
from orak.domain.actor import Actor


class BatchRules(msgspec.Struct, frozen=True):
    """The settings of background conversion in this process."""

    enabled: bool
    max_concurrent: int


class Statistics(msgspec.Struct, frozen=True):
    """Conversion statistics."""

    metrics: ServiceMetrics
    completed: int
    """Uploads that are COMPLETED."""
    rules: BatchRules


@dataclass(frozen=True, slots=True)
class GetStatistics:
    """Return conversion statistics over all processes."""

    collect_metrics: CollectMetrics
    reports: Reports
    rules: BatchRules

    async def __call__(self, actor: Actor) -> Statistics:
        """Return the statistics. Raise `AdminRequired`."""
        actor.check_admin()
        return Statistics(await self.collect_metrics(), await self.reports.count_completed(), self.rules)
