from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.measurements import Measurements
from orak.application.ports.metrics import NO_CODE
from orak.domain.audio import AudioProfile
from orak.domain.processing import ProcessingStatus, Start
from orak.domain.record import ClaimedUpload
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class ConversionCounts:
    """Counts conversions by what started them and how they ended, and measures how long they take."""

    measurements: Measurements
    clock: Clock
    profile: AudioProfile

    def begin(self, claimed: ClaimedUpload, start: Start) -> None:
        """Note that a conversion starts, after its time in line."""
        self.measurements.observe("orak_conversion_queue_seconds", claimed.waited_seconds, start=start)

    def settle(self, claimed: ClaimedUpload, upload: Upload, start: Start) -> None:
        """Note how the attempt left the upload: it completed, failed for good, or is in line again."""
        if upload.status is ProcessingStatus.FAILED:
            self._end("failed", start, upload.failure or NO_CODE)
        elif upload.status is ProcessingStatus.COMPLETED and upload.output is not None:
            self._end("completed", start)
            seconds = (self.clock.now() - claimed.claimed_at).total_seconds()
            self.measurements.observe("orak_conversion_seconds", seconds, profile=self.profile.value)
            self.measurements.count("orak_conversion_media_seconds_total", upload.output.duration_seconds)
        else:
            self.release(start)

    def release(self, start: Start) -> None:
        """Note that the attempt gave its upload back."""
        self._end("released", start)

    def lose(self, start: Start) -> None:
        """Note that the attempt lost its lease, or its upload was deleted."""
        self._end("lost", start)

    def _end(self, outcome: str, start: Start, code: str = NO_CODE) -> None:
        self.measurements.count("orak_conversions_total", outcome=outcome, code=code, start=start)
