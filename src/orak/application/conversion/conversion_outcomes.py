"""The outcome of each attempt, which is counted and logged once, when it is certain."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orak.application.conversion.conversion_notes import ConversionNotes
from orak.application.ports.clock import Clock
from orak.application.ports.measurements import Measurements
from orak.application.ports.metrics import NO_CODE
from orak.domain.audio import AudioProfile
from orak.domain.processing import ProcessingStatus, Start
from orak.domain.record import ClaimedUpload
from orak.domain.upload import Upload

_log = logging.getLogger("orak.conversion")

_OF_STATUS = {
    ProcessingStatus.COMPLETED: "completed",
    ProcessingStatus.FAILED: "failed",
    ProcessingStatus.UPLOADED: "released",
}


@dataclass(slots=True)
class Ending:
    """How an attempt ends, as far as it is known: `unsettled` until the database says more."""

    outcome: str = "unsettled"
    row: Upload | None = None
    notes: ConversionNotes = field(default_factory=ConversionNotes)

    def settle(self, row: Upload | None) -> None:
        """Note the row that the attempt wrote; None if it has lost its upload."""
        self.row = row
        self.outcome = "lost" if row is None else _OF_STATUS[row.status]


@dataclass(frozen=True, slots=True)
class ConversionOutcomes:
    """Counts and logs conversions by what started them and how they ended, with their times.

    An attempt completes, fails for good, is released to the line, loses its lease or its upload, or stays
    unsettled because the database did not take its outcome.
    """

    measurements: Measurements
    clock: Clock
    profile: AudioProfile

    @contextmanager
    def of(self, claimed: ClaimedUpload, start: Start) -> Iterator[Ending]:
        """Count and log, after the block, the one outcome that the block noted."""
        self.measurements.observe("orak_conversion_queue_seconds", claimed.waited_seconds, start=start)
        ending = Ending()
        is_shutdown = False
        try:
            yield ending
        except asyncio.CancelledError:
            is_shutdown = True
            if ending.outcome not in {"completed", "failed"}:
                ending.notes.reason = "shutdown"
            raise
        except Exception as error:
            ending.notes.reason = str(error) or type(error).__name__
            raise
        finally:
            self._count(claimed, ending, start)
            _write(claimed, ending, start, is_shutdown=is_shutdown)

    def _count(self, claimed: ClaimedUpload, ending: Ending, start: Start) -> None:
        row = ending.row
        code = row.failure if ending.outcome == "failed" and row is not None else None
        self.measurements.count(
            "orak_conversions_total", outcome=ending.outcome, code=code or NO_CODE, start=start
        )
        if ending.outcome == "completed" and row is not None and row.output is not None:
            seconds = (self.clock.now() - claimed.claimed_at).total_seconds()
            self.measurements.observe("orak_conversion_seconds", seconds, profile=self.profile.value)
            self.measurements.count("orak_conversion_media_seconds_total", row.output.duration_seconds)


def _write(claimed: ClaimedUpload, ending: Ending, start: Start, *, is_shutdown: bool) -> None:
    upload, row, outcome = claimed.upload, ending.row, ending.outcome
    # A file that fails is no fault of orak, and neither is a shutdown that gives the upload back.
    is_ordinary = outcome in {"completed", "failed"} or (outcome == "released" and is_shutdown)
    output = row.output if row is not None and outcome == "completed" else None
    _log.log(
        logging.INFO if is_ordinary else logging.WARNING,
        "conversion %s",
        outcome,
        extra={
            "event": "conversion",
            "outcome": outcome,
            "userId": upload.owner_id,
            "uploadId": upload.id,
            "recordId": claimed.record.id,
            "attempt": upload.attempt,
            "start": start.value,
            "queueMs": round(1000 * claimed.waited_seconds),
            **ending.notes.times(),
            "reason": ending.notes.reason,
            "code": row.failure.value if row is not None and row.failure is not None else None,
            "mediaSeconds": output and round(output.duration_seconds, 3),
        },
    )
