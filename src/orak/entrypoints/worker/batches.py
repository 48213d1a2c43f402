import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.batch_log import BatchLog, BatchReport
from orak.application.ports.failures import Unavailable
from orak.application.ports.measurements import Measurements

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often a process looks whether an operator triggered a batch."""


class Batches:
    """The batches of this process, one after the other.

    A batch begins when *schedule* says so, even while conversions of the one before still run. When the last
    conversion of a batch has ended, the log gets a line, and *batch_log* and *measurements* the numbers.
    """

    def __init__(
        self,
        schedule: Callable[[], Awaitable[int | None]],
        run_batch: Callable[[int], Awaitable[BatchReport]],
        batch_log: BatchLog,
        measurements: Measurements,
    ) -> None:
        self._schedule = schedule
        self._run_batch = run_batch
        self._batch_log = batch_log
        self._measurements = measurements
        self._running: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Begin a batch if one is due. Raise `Unavailable`."""
        size = await self._schedule()
        if size is not None:
            batch = asyncio.create_task(self._run(size), name="batch")
            self._running.add(batch)
            batch.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Return when every batch is logged. Close what they run in first."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, size: int) -> None:
        report = await self._run_batch(size)
        _log.log(
            logging.INFO if report.started else logging.DEBUG,  # most batches find nothing
            "batch of at most %d: started %d, completed %d, failed %d, in %.1f s",
            *(size, report.started, report.completed, report.failed, report.seconds),
            extra={
                "event": "batch",
                "size": size,
                "started": report.started,
                "completed": report.completed,
                "failed": report.failed,
                "putBack": report.started - report.completed - report.failed,
                "isFull": report.is_full,
                "durationMs": round(1000 * report.seconds),
            },
        )
        if report.started:
            self._measurements.observe("batch_fullness", report.started / size)
            try:
                await self._batch_log.add(report)
            except Unavailable as outage:
                _log.warning(
                    "the batch is missing in the metrics", extra={"event": "batch", "reason": str(outage)}
                )
