import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.conversion_outcomes import ConversionOutcomes
from orak.application.conversion.end_attempt import EndAttempt
from orak.application.origins import Following
from orak.application.ports.traces import Span, Traces
from orak.domain.errors import LeaseLost, UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.origin import Origin
from orak.domain.processing import Start
from orak.domain.record import ClaimedUpload
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
    outcomes: ConversionOutcomes
    traces: Traces

    async def __call__(
        self, upload_id: UploadId | None = None, *, start: Start = Start.WAKE_UP
    ) -> Upload | None:
        """Process the given upload, or the next in line; *start* says what asks for it.

        Return None if nothing is waiting, otherwise the upload as the attempt left it. It is still PROCESSING
        if the attempt lost its lease. When the call is cancelled, it gives the lease back and stops.

        Raises:
            Unavailable, StaleVersion: the database did not take what happened. A lease that is left behind
                runs out by itself, and the sweep finds the upload.
        """
        claimed = await self.claim(upload_id)
        if claimed is None:
            return None
        origin = claimed.upload.origin  # which may not be the request that sent the wake-up
        with Following(origin), self._span(claimed, origin, start) as span:
            upload = await self._process(claimed, start)
            span.note(status=upload.status.value, failure=upload.failure.value if upload.failure else "none")
            return upload

    def _span(
        self, claimed: ClaimedUpload, origin: Origin | None, start: Start
    ) -> AbstractContextManager[Span]:
        """Begin a span in the trace of the request that made the record, in whatever process it was."""
        return self.traces.follow(
            "convert upload",
            None if origin is None else origin.traceparent,
            upload_id=claimed.upload.id,
            record_id=claimed.record.id,
            attempt=claimed.upload.attempt,
            start=start.value,
        )

    async def _process(self, claimed: ClaimedUpload, start: Start) -> Upload:
        upload = claimed.upload
        with self.outcomes.of(claimed, start) as ending:
            try:
                verdict = await self.attempt(claimed, ending.notes)
                ending.settle(await self.end_attempt.settle(upload, verdict))
            except (LeaseLost, UploadNotFound):
                ending.settle(None)
                ending.settle(await self.end_attempt.discard(upload))
            except asyncio.CancelledError:
                ending.settle(await self.end_attempt.release(upload))
                raise
        return ending.row or upload
