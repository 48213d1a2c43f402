from dataclasses import dataclass

from orak.application.ports.snapshots import Snapshots
from orak.application.requeue_upload import RequeueUpload
from orak.domain.actor import Actor
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class RetryFailure:
    """Convert any user's failed upload again, with a new budget of failures.

    Unlike its owner, an operator may also retry a failure that lies in the file: another version of orak may
    read it.
    """

    snapshots: Snapshots
    requeue: RequeueUpload

    async def __call__(self, actor: Actor, upload_id: UploadId) -> Upload:
        """Return the upload as it is now.

        Raises:
            AdminRequired: the actor is not an operator.
            UploadNotFound: no upload has this id, or it was cancelled or deleted.
            StateConflict: it has not failed, or the object that was verified is gone.
        """
        actor.check_admin()
        upload = await self.snapshots.upload(upload_id)
        if upload.is_discarded:
            raise UploadNotFound(upload_id)
        await self.requeue(upload, forced=True)
        return await self.snapshots.upload(upload_id)
