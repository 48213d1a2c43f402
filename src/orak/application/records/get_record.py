from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.snapshot_cache import SnapshotCache
from orak.application.ports.snapshots import Snapshots
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.processing import ProcessingStatus
from orak.domain.record import RecordSnapshot


@dataclass(frozen=True, slots=True)
class GetRecord:
    """Return a record and its status to its owner."""

    snapshots: Snapshots
    cache: SnapshotCache
    clock: Clock

    async def __call__(self, actor: Actor, record_id: RecordId) -> RecordSnapshot:
        """Return the record. Raise `RecordNotFound` or `PermissionDenied`."""
        snapshot = await self.cache.get(record_id)
        if snapshot is None:
            read_at = self.clock.now()
            snapshot = await self.snapshots.get(record_id)
            # Only calls that invalidate the cache change a completed record.
            if snapshot.upload.status is ProcessingStatus.COMPLETED:
                await self.cache.put(snapshot, read_at=read_at)
        return snapshot.owned_by(actor)
