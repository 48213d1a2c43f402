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
        report.leases_lost = await self._each(await self.leases.lost(_AT_ONCE), self._recover)
        for upload in await self.arrivals.due(_AT_ONCE):
            await self._look_for(upload, report)
        report.orphans_removed = await self._each(
            await self.arrivals.orphans(now - self.orphan_retention, _AT_ONCE), self._remove
        )
        report.purged = await self._each(
            await self.arrivals.buried(now - TOMBSTONE_AGE, _AT_ONCE), self._purge
        )
        next_start = await self.leases.next_start()
        report.waiting = next_start is not None and next_start <= self.clock.now()
        if report.waiting:
            await self.queue.wake()
        return report

    async def _each(self, uploads: Iterable[Upload], step: Callable[[Upload], Awaitable[bool]]) -> int:
        moved = 0
        for upload in uploads:
            moved += await step(upload)
        return moved

    async def _recover(self, upload: Upload) -> bool:
        """Count the run that died and put its take back in line, or end it when the budget is used up."""
        return await self._save(
            upload.id,
            lambda row: row.stumble(
                upload.attempt,
                message="the worker was lost",
                at=self.clock.now(),
                not_before=self.clock.now() + backoff(row.failures + 1, self.chance()),
            ),
        )

    async def _look_for(self, upload: Upload, report: SweepReport) -> None:
        now = self.clock.now()
        try:
            found = await self.storage.head(upload.key)
        except Unavailable as outage:
            _log.warning("upload %d is looked for later: %s", upload.id, outage)
            return
        if found is not None:
            report.received += await self._save(upload.id, lambda row: row.receive(found, at=now))
        elif upload.is_late(now):
            report.expired += await self._save(upload.id, lambda row: row.expire(at=now))
        else:
            await self.arrivals.postpone(upload.id, now + patience(now - upload.created_at))

    async def _remove(self, upload: Upload) -> bool:
        return await self._save(upload.id, lambda row: row.delete(at=self.clock.now()))

    async def _purge(self, upload: Upload) -> bool:
        """Remove a tombstone, and whatever a PUT that was signed long ago laid under its key since."""
        try:
            await self.storage.delete(upload.key)
        except Unavailable as outage:
            _log.warning("upload %d is purged later: %s", upload.id, outage)
            return False
        async with self.transaction() as tx:
            await tx.uploads.purge(upload.id)
        return True

    async def _save(self, upload_id: UploadId, change: Callable[[Upload], tuple[Upload, Fact]]) -> bool:
        """Change the row as it is now; False if somebody else moved it meanwhile."""
        try:
            async with self.transaction() as tx:
                await tx.uploads.save(*change(await tx.uploads.get(upload_id)))
        except (StaleVersion, UploadNotFound):
            return False
        return True
