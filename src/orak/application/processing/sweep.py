import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.queue import Queue
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.verify_upload import VerifyUpload
from orak.domain.errors import UploadNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import UploadId, published_prefix
from orak.domain.policies.retention import TOMBSTONE_AGE
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES, UNAVAILABLE_DELAY, backoff
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Rows of a kind in one round; what is left comes in the next."""

_PATIENCE = timedelta(seconds=10)
"""So long one kind of rows may take where each waits for a slow store; the rest comes in the next round."""


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
    verify: VerifyUpload
    queue: Queue
    clock: Clock
    chance: Callable[[], float]
    orphan_retention: timedelta

    async def __call__(self) -> SweepReport:
        """Do one round. Raise `Unavailable` if the database cannot be reached."""
        report = SweepReport()
        now = self.clock.now()
        await self._each(await self.leases.lost(_AT_ONCE), self._recover, report)
        looks: dict[UploadId, datetime] = {}
        await self._each(await self.arrivals.due(_AT_ONCE), partial(self._look_for, looks), report)
        await self.arrivals.postpone(looks)
        forgotten = await self.arrivals.orphans(now - self.orphan_retention, _AT_ONCE)
        await self._each(forgotten, self._remove, report)
        await self._each(await self.arrivals.tombstones(now - TOMBSTONE_AGE, _AT_ONCE), self._purge, report)
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
        outages, until = 0, self.clock.now() + _PATIENCE
        for upload in uploads:
            if self.clock.now() >= until:
                return
            try:
                await step(upload, report)
                outages = 0
            except (StaleVersion, UploadNotFound):
                pass  # somebody else moved it meanwhile: so it does not stand still
            except Unavailable as outage:
                _log.warning("the sweep comes to upload %d another time: %s", upload.id, outage)
                outages += 1
                if outages == MAX_CONSECUTIVE_OUTAGES:
                    return
            except Exception:  # noqa: BLE001 - one row that cannot be moved must not keep the others from it
                _log.exception("the sweep leaves out upload %d", upload.id)

    async def _recover(self, upload: Upload, report: SweepReport) -> None:
        """Count the run that died and put its take back in line, or end it when the budget is used up."""
        now = self.clock.now()
        report.leases_lost += await self._save(
            upload.id,
            lambda row: (
                row.fail_attempt(
                    row.attempt,
                    message="the worker was lost",
                    at=now,
                    not_before=now + backoff(row.failures + 1, self.chance()),
                )
                if row.has_lost_lease(now)
                else None
            ),
        )

    async def _look_for(self, looks: dict[UploadId, datetime], upload: Upload, report: SweepReport) -> None:
        """Receive or expire it, or put into *looks* when to look again."""
        now = self.clock.now()
        try:
            found = await self.storage.head(upload.key)
        except Exception:
            looks[upload.id] = now + UNAVAILABLE_DELAY
            raise
        if found is not None:
            received = await self.verify(found)
            report.received += received.version > upload.version
        elif upload.is_overdue(now):
            report.expired += await self._save(
                upload.id, lambda row: row.expire(at=now) if row.is_overdue(now) else None
            )
        else:
            looks[upload.id] = upload.next_check(now)

    async def _remove(self, upload: Upload, report: SweepReport) -> None:
        now = self.clock.now()
        report.orphans_removed += await self._save(
            upload.id, lambda row: row.delete(at=now) if row.is_orphan(now) else None
        )

    async def _purge(self, upload: Upload, report: SweepReport) -> None:
        """Remove a tombstone, and whatever came under its keys since: a late PUT, a late attempt.

        The row goes first: what was named meanwhile must not lose its bytes. It leaves no event, for nothing
        changes for anyone. An object that cannot be reached now is found by `SweepObjects`.
        """
        async with self.transaction() as tx:
            if not (await tx.uploads.get(upload.id)).is_over:
                return
            await tx.uploads.purge(upload.id)
        report.purged += 1
        await self.storage.delete(upload.key)
        async for published in self.storage.list(published_prefix(upload.uuid)):
            await self.storage.delete(published.key)

    async def _save(
        self, upload_id: UploadId, change: Callable[[Upload], tuple[Upload, DomainEvent] | None]
    ) -> bool:
        """Change the row as it is now; False if by now there is nothing to change."""
        async with self.transaction() as tx:
            changed = change(await tx.uploads.get(upload_id))
            if changed is None:
                return False
            await tx.uploads.save(*changed)
        return True
