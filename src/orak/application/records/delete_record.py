from dataclasses import dataclass

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.snapshot_cache import SnapshotCache
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Delete a record, whatever the state of its upload.

    The record is gone when this returns. A subscriber of the RecordDeleted event deletes its objects; during
    an outage of the store it does so later.
    """

    transaction: UnitOfWork
    cache: SnapshotCache
    clock: Clock

    async def __call__(self, actor: Actor, record_id: RecordId) -> None:
        """Delete it.

        Raise `PermissionDenied`, or `RecordNotFound`, also for a repeated call.
        """

        async def delete() -> None:
            async with self.transaction() as tx:
                record = await tx.records.get(record_id)
                upload = await tx.uploads.get(record.upload_id)
                RecordSnapshot(record, upload).owned_by(actor)
                await tx.records.remove(record_id)
                await tx.uploads.save(*upload.delete(at=self.clock.now(), origin=current_origin()))

        await self.cache.invalidate(record_id)
        await with_retries(self.clock, delete)
        await self.cache.invalidate(record_id)
