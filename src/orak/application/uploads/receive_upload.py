from dataclasses import dataclass

from orak.application.ports.persistence import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.verify_upload import VerifyUpload
from orak.domain.errors import UploadNotFound
from orak.domain.identity import ObjectKey
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class ReceiveUpload:
    """Take note that bytes arrived under a key: verify them, and start what waits for them.

    Whoever noticed may call it, as often as it likes: the store's own PUT, an event, a person.
    """

    snapshots: Snapshots
    storage: Storage
    verify: VerifyUpload
    starter: Starter

    async def __call__(self, key: ObjectKey) -> Upload:
        """Return the upload as it is now. Raise `UploadNotFound` for a key that is no upload's any more."""
        found = await self.storage.head(key)
        if found is None:
            upload = await self.snapshots.upload_by_key(key)
            if upload.is_discarded:
                raise UploadNotFound(upload.id)
            return upload
        upload = await self.verify(found)
        if upload.is_waiting:
            await self.starter.start(upload.id)
        return upload
