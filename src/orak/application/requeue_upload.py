from dataclasses import dataclass

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.errors import StateConflict, WrongState
from orak.domain.upload import ANY_BYTES, Upload


@dataclass(frozen=True, slots=True)
class RequeueUpload:
    """Puts a failed upload back in line, with a new budget of failures."""

    transaction: UnitOfWork
    storage: Storage
    starter: Starter
    clock: Clock

    async def __call__(self, upload: Upload, *, forced: bool = False) -> None:
        """Put it back in line and start it.

        Raise `StateConflict` with its `retry_obstacle`, or if the object that was verified is gone.
        """
        if why := upload.retry_obstacle(forced=forced):
            raise StateConflict(upload.id, why)
        found = await self.storage.head(upload.key)
        if found is None or upload.etag not in {ANY_BYTES, found.etag}:
            raise StateConflict(upload.id, WrongState.OBJECT_GONE)

        async def requeue() -> None:
            async with self.transaction() as tx:
                current = await tx.uploads.get(upload.id)
                retried = current.retry(at=self.clock.now(), forced=forced, origin=current_origin())
                await tx.uploads.save(*retried)

        await with_retries(self.clock, requeue)
        await self.starter.start(upload.id)
