import asyncio
from dataclasses import dataclass

from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.end_attempt import EndAttempt
from orak.application.origins import Following
from orak.domain.errors import LeaseLost, UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class ProcessUpload:
    """Convert one waiting upload.

    Claim it, convert it, store the rendition, and settle it in one guarded update. A call may come twice,
    late or never; the row decides. Each attempt writes under its own keys, so a worker that lost its lease
    without noticing overwrites nothing, and its late result is discarded.
    """

    claim: ClaimUpload
    attempt: AttemptConversion
    end_attempt: EndAttempt

    async def __call__(self, upload_id: UploadId | None = None) -> Upload | None:
        """Process the given upload, or the next in line.

        Return None if nothing is waiting, otherwise the upload as the attempt left it. It is still PROCESSING
        if the attempt lost its lease. When the call is cancelled, it gives the lease back and stops.

        Raises:
            Unavailable: the database cannot be reached; a lease that is left behind runs out by itself.
        """
        snapshot = await self.claim(upload_id)
        if snapshot is None:
            return None
        with Following(snapshot.upload.origin):  # which may not be the request that sent the wake-up
            return await self._process(snapshot)

    async def _process(self, snapshot: RecordSnapshot) -> Upload:
        upload = snapshot.upload
        try:
            verdict = await self.attempt(snapshot)
            return await self.end_attempt.settle(upload, verdict)
        except (LeaseLost, UploadNotFound):
            await self.end_attempt.discard(upload)
        except asyncio.CancelledError:
            await self.end_attempt.release(upload)
            raise
        return upload
