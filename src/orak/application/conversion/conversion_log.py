"""The line that each conversion writes into the log when it ends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from orak.domain.processing import ProcessingStatus, Start
from orak.domain.record import ClaimedUpload
from orak.domain.upload import Upload

_log = logging.getLogger("orak.conversion")

_OUTCOMES = {ProcessingStatus.COMPLETED: "completed", ProcessingStatus.FAILED: "failed"}


class ConversionNotes:
    """What the log says of one attempt: how long its parts took, and why it was put back in line."""

    __slots__ = ("_began", "_milliseconds", "reason")

    def __init__(self) -> None:
        self._began = perf_counter()
        self._milliseconds: dict[str, int] = {}
        self.reason: str | None = None

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how long the block takes, as `<part>Ms`; a block that fails counts too."""
        began = perf_counter()
        try:
            yield
        finally:
            self._milliseconds[f"{part}Ms"] = _milliseconds_since(began)

    def times(self) -> dict[str, int]:
        """Return the times of the parts, and of the whole attempt until now, in milliseconds."""
        return {**self._milliseconds, "durationMs": _milliseconds_since(self._began)}


def log_settled(claimed: ClaimedUpload, settled: Upload, start: Start, notes: ConversionNotes) -> None:
    """Log how the attempt left the upload: it completed, failed for good, or is in line again."""
    outcome = _OUTCOMES.get(settled.status, "released")
    output = settled.output if outcome == "completed" else None
    _log.log(
        logging.WARNING if outcome == "released" else logging.INFO,  # a file that fails is no fault of orak
        "conversion %s",
        outcome,
        extra=_fields(claimed, start, notes, outcome)
        | {
            "code": settled.failure and settled.failure.value,
            "mediaSeconds": output and round(output.duration_seconds, 3),
        },
    )


def log_unsettled(
    claimed: ClaimedUpload,
    start: Start,
    notes: ConversionNotes,
    outcome: str,
    *,
    level: int = logging.WARNING,
) -> None:
    """Log an attempt that could not settle its upload."""
    _log.log(level, "conversion %s", outcome, extra=_fields(claimed, start, notes, outcome))


def _fields(claimed: ClaimedUpload, start: Start, notes: ConversionNotes, outcome: str) -> dict[str, object]:
    upload = claimed.upload
    return {
        "event": "conversion",
        "outcome": outcome,
        "userId": upload.owner_id,
        "uploadId": upload.id,
        "recordId": claimed.record.id,
        "attempt": upload.attempt,
        "start": start.value,
        "queueMs": round(1000 * claimed.waited_seconds),
        **notes.times(),
        "reason": notes.reason,
    }


def _milliseconds_since(began: float) -> int:
    return round(1000 * (perf_counter() - began))
