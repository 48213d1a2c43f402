from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.persistence import Recordings, UnitOfWork
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.retrying import with_retries
from orak.domain.actor import Actor
from orak.domain.errors import StateConflict, WrongState
from orak.domain.identity import RecordId
from orak.domain.record import Recording


@dataclass(frozen=True, slots=True)
class RetryRecord:
    """Convert a failed take once more, with a fresh budget of failures."""

    transaction: UnitOfWork
    recordings: Recordings
    storage: Storage
    starter: Starter
    clock: Clock

    async def __call__(self, actor: Actor, record_id: RecordId) -> Recording:
        """Raise `StateConflict` unless it failed and the very bytes that were verified are still there."""
        recording = (await self.recordings.get(record_id)).owned_by(actor)
        upload = recording.upload
        found = await self.storage.head(upload.key)
        upload.retry(at=self.clock.now())  # refuse for its state before refusing for its object
        if found is None or found.etag != upload.etag:
            raise StateConflict(upload.id, WrongState.OBJECT_GONE)

        async def retry() -> None:
            async with self.transaction() as tx:
                current = await tx.uploads.get(upload.id)
                await tx.uploads.save(*current.retry(at=self.clock.now()))

        await with_retries(self.clock, retry)
        await self.starter.start(upload.id)
        return await self.recordings.get(record_id)
