import asyncio
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.conversion_counts import ConversionCounts
from orak.application.conversion.conversion_log import ConversionNotes, log_settled, log_unsettled
from orak.application.conversion.end_attempt import EndAttempt
from orak.application.origins import Following
from orak.application.ports.failures import StaleVersion, Unavailable
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
    counts: ConversionCounts
    traces: Traces

    async def __call__(
        self, upload_id: UploadId | None = None, *, start: Start = Start.WAKE_UP
    ) -> Upload | None:
        """Process the given upload, or the next in line; *start* says what asks for it.

        Return None if nothing is waiting, otherwise the upload as the attempt left it. It is still PROCESSING
        if the attempt lost its lease. When the call is cancelled, it gives the lease back and stops.

        Raises:
            Unavailable: the database cannot be reached; a lease that is left behind runs out by itself.
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
        upload, notes = claimed.upload, ConversionNotes()
        self.counts.begin(claimed, start)
        try:
            verdict = await self.attempt(claimed, notes)
            settled = await self.end_attempt.settle(upload, verdict)
        except (LeaseLost, UploadNotFound):
            self.counts.lose(start)
            log_unsettled(claimed, start, notes, "lost")
            await self.end_attempt.discard(upload)
            return upload
        except asyncio.CancelledError:
            self.counts.release(start)
            notes.reason = "shutdown"
            log_unsettled(claimed, start, notes, "released", level=logging.INFO)
            await self.end_attempt.release(upload)
            raise
        except (Unavailable, StaleVersion) as outage:  # the lease runs out, and the sweep finds the upload
            notes.reason = str(outage)
            log_unsettled(claimed, start, notes, "unsettled")
            raise
        self.counts.settle(claimed, settled, start)
        log_settled(claimed, settled, start, notes)
        return settled
