from dataclasses import dataclass

from orak.application.ports.batch_log import BatchReport, BatchTotals


@dataclass(slots=True)
class MemoryBatchSettings:
    """The port `BatchSettings` in memory."""

    _batch_size: int | None = None
    _triggers: int = 0

    async def batch_size(self) -> int | None:
        return self._batch_size

    async def set_batch_size(self, size: int) -> None:
        self._batch_size = size

    async def trigger(self) -> None:
        self._triggers += 1

    async def triggers(self) -> int:
        return self._triggers


@dataclass(slots=True)
class MemoryBatchLog:
    """The port `BatchLog` in memory."""

    _totals: BatchTotals = BatchTotals()  # noqa: RUF009 - frozen

    async def add(self, report: BatchReport) -> None:
        before = self._totals
        self._totals = BatchTotals(
            before.batches + 1,
            before.full + report.is_full,
            before.started + report.started,
            before.completed + report.completed,
            before.failed + report.failed,
            before.seconds + report.seconds,
        )

    async def totals(self) -> BatchTotals:
        return self._totals
