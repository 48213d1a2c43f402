from dataclasses import dataclass

from orak.application.ports.queue import Queue
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.verify_upload import VerifyUpload
from orak.domain.errors import UploadNotFound
from orak.domain.identity import ObjectKey, UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class ReceiveUpload:
    """Note that bytes arrived: verify them, and start the conversion.

    The store's own PUT, an event or a person may report an arrival; repeats change nothing.
    """

    snapshots: Snapshots
    storage: Storage
    verify: VerifyUpload
    starter: Starter
    queue: Queue

    async def __call__(self, key: ObjectKey, *, queued: bool = False) -> Upload:
        """Return the upload as it is now.

        With *queued*, it waits in line even if a slot is free.

        Raise `UploadNotFound` if no upload has this key any more.
        """
        found = await self.storage.head(key)
        if found is None:
            upload = await self.snapshots.upload_by_key(key)
            if upload.is_discarded:
                raise UploadNotFound(upload.id)
            return upload
        upload = await self.verify(found)
        if upload.is_waiting:
            if queued:
                await self.queue.wake()
            else:
                await self.starter.start(upload.id)
        return upload

    async def look_for(self, upload_id: UploadId, *, queued: bool = False) -> Upload:
        """Look for the bytes of an upload, and do the same if they have arrived."""
        return await self((await self.snapshots.upload(upload_id)).key, queued=queued)
