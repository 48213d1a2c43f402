from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.queue import Queue
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.upload_counts import UploadCounts
from orak.application.verify_upload import VerifyUpload
from orak.domain.events import DomainEvent
from orak.domain.identity import UploadId, published_prefix
from orak.domain.policies.retries import UNAVAILABLE_DELAY, backoff
from orak.domain.upload import WORKER_LOST, Upload


class SweepReport(msgspec.Struct):
    """How many uploads one sweep moved, by why they were stuck."""

    leases_lost: int = 0
    received: int = 0
    expired: int = 0
    orphans_removed: int = 0
    purged: int = 0


@dataclass(frozen=True, slots=True)
class SweepSteps:
    """What the sweep does with one upload.

    Each step reads the row again before it changes it. Raise `UploadNotFound` or `StaleVersion` if another
    process moved the upload, or `Unavailable`.
    """

    transaction: UnitOfWork
    storage: Storage
    verify: VerifyUpload
    queue: Queue
    clock: Clock
    counts: UploadCounts
    chance: Callable[[], float]
    """Draws a number from 0 to 1: the jitter of back-off."""

    async def recover_lease(self, upload: Upload, report: SweepReport) -> None:
        """Count the attempt whose worker died as a failure.

        The upload goes back in line, or is FAILED when its budget is used up. In the former case a wake-up
        follows when its back-off is over: with the batch alone, a dead worker could cost a whole interval.
        """
        now = self.clock.now()
        not_before = now + backoff(upload.failures + 1, self.chance())

        def recovered(row: Upload) -> tuple[Upload, DomainEvent] | None:
            if not row.has_lost_lease(now):
                return None
            return row.fail_attempt(row.attempt, message=WORKER_LOST, at=now, not_before=not_before)

        changed = await self._change(upload.id, recovered)
        if changed is None:
            return
        report.leases_lost += 1
        self.counts.note_lost_lease()
        if (due := changed.comes_again_at) is not None:
            self.queue.wake_at(due)

    async def look_for_bytes(
        self, upload: Upload, report: SweepReport, next_looks: dict[UploadId, datetime]
    ) -> None:
        """Receive the upload, let it expire, or note the next look.

        An upload that waits now gets a wake-up. *next_looks* gets the time of the next look.
        """
        now = self.clock.now()
        try:
            found = await self.storage.head(upload.key)
        except Exception:
            next_looks[upload.id] = now + UNAVAILABLE_DELAY
            raise
        if found is not None:
            received = await self.verify(found)
            if received.version > upload.version:
                report.received += 1
                if received.is_waiting:
                    await self.queue.wake()
        elif upload.is_overdue(now):
            expired = await self._change(
                upload.id, lambda row: row.expire(at=now) if row.is_overdue(now) else None
            )
            if expired is not None:
                report.expired += 1
                self.counts.note_move(upload, expired)
        else:
            next_looks[upload.id] = upload.next_check(now)

    async def remove_orphan(self, upload: Upload, report: SweepReport) -> None:
        """Delete an upload that never got a Record; a subscriber removes its object."""
        now = self.clock.now()
        removed = await self._change(
            upload.id, lambda row: row.delete(at=now) if row.is_orphan(now) else None
        )
        report.orphans_removed += removed is not None

    async def purge(self, upload: Upload, report: SweepReport) -> None:
        """Remove a tombstone, and objects that arrived under its keys since.

        The row goes first, so that an upload that got its Record meanwhile keeps its bytes. No event is
        written, because no client sees a change. If the store is down now, `SweepObjects` removes the object
        later.
        """
        async with self.transaction() as tx:
            if not (await tx.uploads.get(upload.id)).is_over:
                return
            await tx.uploads.purge(upload.id)
        report.purged += 1
        await self.storage.delete(upload.key)
        async for published in self.storage.list(published_prefix(upload.uuid)):
            await self.storage.delete(published.key)

    async def _change(
        self, upload_id: UploadId, change: Callable[[Upload], tuple[Upload, DomainEvent] | None]
    ) -> Upload | None:
        """Read the row again and change it; return None if *change* finds nothing to do."""
        async with self.transaction() as tx:
            changed = change(await tx.uploads.get(upload_id))
            if changed is None:
                return None
            return await tx.uploads.save(*changed)
