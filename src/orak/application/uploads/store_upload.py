from dataclasses import dataclass
from pathlib import Path

from orak.application.ports.clock import Clock
from orak.application.ports.persistence import UnitOfWork
from orak.application.ports.storage import Storage
from orak.application.retrying import with_retries
from orak.domain.actor import Actor
from orak.domain.errors import StateConflict, WrongState
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class StoreUpload:
    """Hand over the bytes of an upload from within this process, where a signed URL would be a detour."""

    transaction: UnitOfWork
    storage: Storage
    clock: Clock

    async def __call__(self, actor: Actor, upload_id: UploadId, source: Path) -> Upload:
        """Store the file and verify it like any other arrival; return the upload, UPLOADED or FAILED.

        Raises:
            UploadNotFound, PermissionDenied: it is not there, or not the actor's.
            StateConflict: its bytes came already, or it was given up.
        """
        async with self.transaction() as tx:
            upload = (await tx.uploads.get(upload_id)).owned_by(actor)
        if not upload.awaits_arrival:
            raise StateConflict(upload.id, WrongState.NOT_AWAITED)
        await self.storage.publish(upload.key, source, content_type=upload.content_type)

        async def note() -> Upload:
            found = await self.storage.head(upload.key)
            async with self.transaction() as tx:
                current = await tx.uploads.get(upload_id)
                if found is None or not current.awaits_arrival:
                    return current
                return await tx.uploads.save(*current.receive(found, at=self.clock.now()))

        return await with_retries(self.clock, note)
