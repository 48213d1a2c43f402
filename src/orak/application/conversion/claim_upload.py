import asyncio
from contextlib import suppress
from dataclasses import dataclass

from orak.application.conversion.end_attempt import EndAttempt
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.domain.identity import UploadId
from orak.domain.record import ClaimedUpload


@dataclass(frozen=True, slots=True)
class ClaimUpload:
    """Claims a waiting upload.

    A caller that is cancelled meanwhile leaves no lease behind.
    """

    leases: Leases
    end_attempt: EndAttempt

    async def __call__(self, upload_id: UploadId | None) -> ClaimedUpload | None:
        """Claim the given upload, or the next in line; None if nothing is waiting.

        Raise `Unavailable`.
        """
        # The claim runs on: cancelled half way it might be committed, and no process would own the lease.
        claiming = asyncio.ensure_future(self.leases.claim(upload_id))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await self._give_back(claiming)
            raise

    async def _give_back(self, claiming: "asyncio.Future[ClaimedUpload | None]") -> None:
        while not claiming.done():  # another cancellation must not end this wait
            with suppress(asyncio.CancelledError, Unavailable):
                await asyncio.shield(claiming)
        with suppress(Unavailable):
            if snapshot := claiming.result():
                await self.end_attempt.release(snapshot.upload)
