from dataclasses import dataclass

from msgspec.structs import replace

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.application.upload_counts import UploadCounts
from orak.domain.errors import UploadNotFound
from orak.domain.upload import StoredObject, Upload


@dataclass(frozen=True, slots=True)
class VerifyUpload:
    """Verifies bytes that were found: once, even if several processes find them."""

    transaction: UnitOfWork
    storage: Storage
    clock: Clock
    counts: UploadCounts

    async def __call__(self, found: StoredObject) -> Upload:
        """Return the upload as it is now: UPLOADED or FAILED if it awaited these bytes.

        Raise `UploadNotFound` if no upload has this key, or if the upload was cancelled or deleted. In the
        latter case the object is deleted.
        """
        unanswered: list[tuple[Upload, Upload]] = []

        async def verify() -> Upload:
            async with self.transaction() as tx:
                upload = await tx.uploads.by_key(found.key)
                if not upload.awaits_arrival:
                    for before, received in unanswered:
                        if replace(upload, version=received.version) == received:
                            self.counts.note_move(before, upload)
                            break
                    return upload
                received, event = upload.receive(found, at=self.clock.now(), origin=current_origin())
                unanswered.append((upload, received))  # the database may store it and lose its answer
                moved = await tx.uploads.save(received, event)
            self.counts.note_move(upload, moved)
            return moved

        upload = await with_retries(self.clock, verify)
        if upload.is_discarded:
            # No Record can ever refer to this object, so it must not stay.
            await self.storage.delete(found.key)
            raise UploadNotFound(upload.id)
        return upload
