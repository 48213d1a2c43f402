from dataclasses import dataclass

from orak.application.ports.snapshots import Snapshots
from orak.domain.actor import Actor
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class GetUpload:
    """Return an upload and its status to its owner."""

    snapshots: Snapshots

    async def __call__(self, actor: Actor, upload_id: UploadId) -> Upload:
        """Raise `UploadNotFound` or `PermissionDenied`."""
        return (await self.snapshots.upload(upload_id)).owned_by(actor)
