from dataclasses import dataclass

from orak.application.ports.snapshots import Snapshots
from orak.application.requeue_upload import RequeueUpload
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot


@dataclass(frozen=True, slots=True)
class RetryRecord:
    """Convert a failed record again, with a new budget of failures."""

    snapshots: Snapshots
    requeue: RequeueUpload

    async def __call__(self, actor: Actor, record_id: RecordId) -> RecordSnapshot:
        """Return the record as it is now.

        Raises:
            RecordNotFound, PermissionDenied: no such record, or another user's.
            StateConflict: it has not failed, the object that was verified is gone, or it would fail again.
        """
        snapshot = (await self.snapshots.get(record_id)).owned_by(actor)
        await self.requeue(snapshot.upload)
        return await self.snapshots.get(record_id)
