from dataclasses import dataclass

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.actor import Actor
from orak.domain.identity import UploadId


@dataclass(frozen=True, slots=True)
class CancelUpload:
    """Cancel an upload whose bytes have not arrived.

    An object that arrives later is deleted.
    """

    transaction: UnitOfWork
    clock: Clock

    async def __call__(self, actor: Actor, upload_id: UploadId) -> None:
        """Cancel it.

        Raise `UploadNotFound`, `PermissionDenied`, or `StateConflict` once it arrived, ended or has a Record.
        """

        async def cancel() -> None:
            async with self.transaction() as tx:
                upload = (await tx.uploads.get(upload_id)).owned_by(actor)
                await tx.uploads.save(*upload.cancel(at=self.clock.now(), origin=current_origin()))

        await with_retries(self.clock, cancel)
