from dataclasses import dataclass

from orak.application.ports.measurements import Measurements
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class UploadCounts:
    """Counts what happens to uploads until their conversion: arrivals, failures, starts and lost leases.

    The server does not see the PUT of a browser. An upload fails if its bytes are not those that were
    declared, or if they never came although its Record waits for them. Should they come after all, the
    upload is late, which takes its failure back.
    """

    measurements: Measurements

    def note_move(self, before: Upload, after: Upload) -> None:
        """Count an upload whose arrival, expiry or new Record was just stored."""
        if not before.lacks_bytes:
            return
        has_failed = _is_missed(before)
        if after.status is ProcessingStatus.UPLOADED:
            self._count("late" if has_failed else "arrived")
        elif not has_failed and (after.status is ProcessingStatus.FAILED or _is_missed(after)):
            self._count("failed")

    def note_start(self, outcome: str) -> None:
        """Count a call that created a record, by whether it started the conversion."""
        self.measurements.count("orak_immediate_starts_total", outcome=outcome)

    def note_lost_lease(self) -> None:
        """Count a lease that ran out under its attempt."""
        self.measurements.count("orak_leases_lost_total")

    def _count(self, outcome: str) -> None:
        self.measurements.count("s3_uploads_total", outcome=outcome)


def _is_missed(upload: Upload) -> bool:
    """Return whether its Record waits for bytes that did not come in time."""
    return upload.status is ProcessingStatus.EXPIRED and upload.record_id is not None
