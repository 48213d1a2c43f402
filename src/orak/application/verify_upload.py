from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.errors import UploadNotFound
from orak.domain.upload import StoredObject, Upload


@dataclass(frozen=True, slots=True)
class VerifyUpload:
    """Verifies bytes that were found, once, however many notice them."""

    transaction: UnitOfWork
    storage: Storage
    clock: Clock

    async def __call__(self, found: StoredObject) -> Upload:
        """Return the upload as it is now; if it awaited these bytes, that is UPLOADED or FAILED.

        Raise `UploadNotFound` for bytes of no upload any more; those of one that was given up are removed.
        """

        async def verify() -> Upload:
            async with self.transaction() as tx:
                upload = await tx.uploads.by_key(found.key)
                if not upload.awaits_arrival:
                    return upload
                return await tx.uploads.save(*upload.receive(found, at=self.clock.now()))

        upload = await with_retries(self.clock, verify)
        if upload.is_discarded:
            # Its URL leads nowhere now. An object that nobody will ever name must not stay behind.
            await self.storage.delete(found.key)
            raise UploadNotFound(upload.id)
        return upload
