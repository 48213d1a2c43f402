import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.end_attempt import EndAttempt
from orak.domain.errors import LeaseLost, UploadNotFound
from orak.domain.identity import UploadId


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

    async def __call__(
        self, upload_id: UploadId | None = None, *, claimed: Callable[[], object] | None = None
    ) -> bool:
        """Process the given upload, or the next in line.

        Return False if nothing is waiting. *claimed* is called as soon as an upload is claimed. The row says
        how the conversion ended. When the call is cancelled, it gives the lease back and stops.

        Raises:
            Unavailable: the database cannot be reached; a lease that is left behind runs out by itself.
        """
        snapshot = await self.claim(upload_id)
        if snapshot is None:
            return False
        if claimed:
            claimed()
        upload = snapshot.upload
        try:
            verdict = await self.attempt(snapshot)
            await self.end_attempt.settle(upload, verdict)
        except (LeaseLost, UploadNotFound):
            await self.end_attempt.discard(upload)
        except asyncio.CancelledError:
            await self.end_attempt.release(upload)
            raise
        return True
