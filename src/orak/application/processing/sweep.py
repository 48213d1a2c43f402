import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.persistence import UnitOfWork
from orak.application.ports.queue import Queue
from orak.application.ports.storage import Storage
from orak.domain.errors import UploadNotFound
from orak.domain.events import Fact
from orak.domain.identity import UploadId
from orak.domain.policies import TOMBSTONE_AGE, backoff, patience
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Rows of a kind in one round; what is left comes in the next."""


class SweepReport(msgspec.Struct):
    """How many uploads one round moved, by why they had stood still."""

    leases_lost: int = 0
    received: int = 0
    expired: int = 0
    orphans_removed: int = 0
    purged: int = 0
    waiting: bool = False
    """Whether some upload may start now; a worker has been woken."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Find each row that should be moving and is not, and set it going.

    The row is the truth and a queue only a hint: whatever message, event or process was lost, this finds
    what it was about. Any number of processes may sweep; the row's version lets one of them win.
    """

    leases: Leases
    arrivals: Arrivals
    transaction: UnitOfWork
    storage: Storage
    queue: Queue
    clock: Clock
    chance: Callable[[], float]
    orphan_retention: timedelta

    async def __call__(self) -> SweepReport:
        """Do one round. Raise `Unavailable` if the database cannot be reached."""
        report = SweepReport()
        now = self.clock.now()
        await self._each(await self.leases.lost(_AT_ONCE), self._recover, report)
        await self._each(await self.arrivals.due(_AT_ONCE), self._look_for, report)
        forgotten = await self.arrivals.orphans(now - self.orphan_retention, _AT_ONCE)
        await self._each(forgotten, self._remove, report)
        await self._each(await self.arrivals.buried(now - TOMBSTONE_AGE, _AT_ONCE), self._purge, report)
        next_start = await self.leases.next_start()
        report.waiting = next_start is not None and next_start <= self.clock.now()
        if report.waiting:
            await self.queue.wake()
        return report

    async def _each(
        self,
        uploads: Iterable[Upload],
        step: Callable[[Upload, SweepReport], Awaitable[None]],
        report: SweepReport,
    ) -> None:
        for upload in uploads:
            try:
                await step(upload, report)
            except (StaleVersion, UploadNotFound):
                pass  # somebody else moved it meanwhile: so it does not stand still
            except Unavailable as outage:
                _log.warning("the sweep goes on next time, with upload %d: %s", upload.id, outage)
                return
            except Exception:  # noqa: BLE001 - one row that cannot be moved must not keep the others from it
                _log.exception("the sweep leaves out upload %d", upload.id)

    async def _recover(self, upload: Upload, report: SweepReport) -> None:
        """Count the run that died and put its take back in line, or end it when the budget is used up."""
        now = self.clock.now()
        report.leases_lost += await self._save(
            upload.id,
            lambda row: (
                row.stumble(
                    row.attempt,
                    message="the worker was lost",
                    at=now,
                    not_before=now + backoff(row.failures + 1, self.chance()),
                )
                if row.has_lost_lease(now)
                else None
            ),
        )

    async def _look_for(self, upload: Upload, report: SweepReport) -> None:
        now = self.clock.now()
        found = await self.storage.head(upload.key)
        if found is not None:
            report.received += await self._save(
                upload.id, lambda row: row.receive(found, at=now) if row.awaits_arrival else None
            )
        elif upload.is_late(now):
            report.expired += await self._save(
                upload.id, lambda row: row.expire(at=now) if row.is_late(now) else None
            )
        else:
            expected = upload.record_id is not None and upload.status is ProcessingStatus.PENDING
            pause = patience(now - upload.created_at, expected=expected)
            await self.arrivals.postpone(upload.id, now + pause)

    async def _remove(self, upload: Upload, report: SweepReport) -> None:
        now = self.clock.now()
        report.orphans_removed += await self._save(
            upload.id, lambda row: row.delete(at=now) if row.is_orphan(now) else None
        )

    async def _purge(self, upload: Upload, report: SweepReport) -> None:
        """Remove a tombstone, and whatever a PUT that was signed long ago laid under its key since."""
        await self.storage.delete(upload.key)
        async with self.transaction() as tx:
            await tx.uploads.purge(upload.id)
        report.purged += 1

    async def _save(
        self, upload_id: UploadId, change: Callable[[Upload], tuple[Upload, Fact] | None]
    ) -> bool:
        """Change the row as it is now; False if by now there is nothing to change."""
        async with self.transaction() as tx:
            changed = change(await tx.uploads.get(upload_id))
            if changed is None:
                return False
            await tx.uploads.save(*changed)
        return True
