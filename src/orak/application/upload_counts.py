from dataclasses import dataclass

from orak.application.ports.measurements import Measurements
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class UploadCounts:
    """Counts the uploads that arrived, and those that failed.

    The server does not see the PUT of a browser. An upload fails if its bytes are not those that were
    declared, or if they never came although its Record waits for them.
    """

    measurements: Measurements

    def note_move(self, before: Upload, after: Upload) -> None:
        """Count an upload whose arrival, expiry or new Record was just stored."""
        if not before.lacks_bytes:
            return
        if after.status is ProcessingStatus.UPLOADED:
            self.measurements.count("s3_uploads_total", outcome="arrived")
        elif after.status is ProcessingStatus.FAILED or (
            after.status is ProcessingStatus.EXPIRED and after.record_id is not None
        ):
            self.measurements.count("s3_uploads_total", outcome="failed")
