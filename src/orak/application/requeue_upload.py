from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.errors import StateConflict, WrongState
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class RequeueUpload:
    """Puts a failed upload back in line, with a new budget of failures."""

    transaction: UnitOfWork
    storage: Storage
    starter: Starter
    clock: Clock

    async def __call__(self, upload: Upload) -> None:
        """Put it back in line and start it.

        Raise `StateConflict` unless it FAILED and the object that was verified still exists.
        """
        found = await self.storage.head(upload.key)
        upload.retry(at=self.clock.now())  # so that a wrong state is reported before a missing object
        if found is None or found.etag != upload.etag:
            raise StateConflict(upload.id, WrongState.OBJECT_GONE)

        async def requeue() -> None:
            async with self.transaction() as tx:
                current = await tx.uploads.get(upload.id)
                await tx.uploads.save(*current.retry(at=self.clock.now()))

        await with_retries(self.clock, requeue)
        await self.starter.start(upload.id)
