from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.persistence import UnitOfWork
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.retrying import with_retries
from orak.domain.errors import UploadNotFound
from orak.domain.identity import ObjectKey
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import StoredObject, Upload

_GIVEN_UP = {ProcessingStatus.CANCELLED, ProcessingStatus.DELETED}


@dataclass(frozen=True, slots=True)
class ReceiveUpload:
    """Take note that bytes arrived under a key: verify them, and start what waits for them.

    Whoever noticed may call it, as often as it likes: the store's own PUT, an event, a person.
    """

    transaction: UnitOfWork
    storage: Storage
    starter: Starter
    clock: Clock

    async def __call__(self, key: ObjectKey) -> Upload:
        """Return the upload as it is now. Raise `UploadNotFound` for a key that is no upload's any more."""
        found = await self.storage.head(key)
        upload = await with_retries(self.clock, lambda: self._note(key, found))
        if upload.status in _GIVEN_UP:
            # Its URL leads nowhere now. An object that nobody will ever name must not stay behind.
            await self.storage.delete(key)
            raise UploadNotFound(upload.id)
        if upload.is_waiting:
            await self.starter.start(upload.id)
        return upload

    async def _note(self, key: ObjectKey, found: StoredObject | None) -> Upload:
        async with self.transaction() as tx:
            upload = await tx.uploads.by_key(key)
            if found is None or not upload.awaits_arrival:
                return upload
            return await tx.uploads.save(*upload.receive(found, at=self.clock.now()))
