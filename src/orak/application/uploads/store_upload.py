from dataclasses import dataclass
from pathlib import Path

from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.verify_upload import VerifyUpload
from orak.domain.actor import Actor
from orak.domain.errors import StateConflict, UploadNotFound, WrongState
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class StoreUpload:
    """Store the bytes of an upload from within this process, without a signed URL."""

    snapshots: Snapshots
    storage: Storage
    verify: VerifyUpload
    starter: Starter

    async def __call__(self, actor: Actor, upload_id: UploadId, source: Path) -> Upload:
        """Store the file, verify it, and start the conversion that waits for it.

        Return the upload, UPLOADED or FAILED.

        Raises:
            UploadNotFound: no upload has this id, or it was deleted.
            PermissionDenied: it belongs to another user.
            StateConflict: its bytes arrived already, or it was cancelled.
        """
        upload = (await self.snapshots.upload(upload_id)).owned_by(actor)
        if not upload.awaits_arrival:
            raise StateConflict(upload.id, WrongState.NOT_AWAITED)
        await self.storage.publish(upload.key, source, content_type=upload.content_type)
        found = await self.storage.head(upload.key)
        if found is None:  # it was cancelled meanwhile, and its object deleted
            raise UploadNotFound(upload.id)
        upload = await self.verify(found)
        if upload.is_waiting:
            await self.starter.start(upload.id)
        return upload
