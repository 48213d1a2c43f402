import logging
from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.daily_work import DailyWork
from orak.application.processing.sweep_objects import SweepObjects, UnknownDatabase

_NAME = "object_sweep"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DailySweep:
    """Removes objects without a row once a day, in one of all processes."""

    sweep_objects: SweepObjects
    daily_work: DailyWork
    clock: Clock

    async def __call__(self) -> None:
        """Sweep if no process has begun to within a day.

        Raise `Unavailable` if the database or the store cannot be reached; the next call tries again.
        """
        if not await self.daily_work.begin(_NAME, self.clock.now()):
            return
        try:
            report = await self.sweep_objects(dry_run=False)
        except UnknownDatabase as error:
            _log.warning(
                "%s: none was removed; `orak sweep --dry-run` lists them",
                error,
                extra={"event": "daily_sweep", "outcome": "refused", "reason": str(error)},
            )
        except BaseException:
            await self.daily_work.abandon(_NAME)
            raise
        else:
            removed = len(report.strays) + len(report.unfinished)
            level = logging.INFO if removed else logging.DEBUG
            _log.log(
                level,
                "the daily sweep removed %d objects without a row",
                removed,
                extra={"event": "daily_sweep", "outcome": "completed", "removed": removed},
            )
