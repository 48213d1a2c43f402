"""The states of an upload, their moves, the failure codes, and what starts a conversion."""

from collections.abc import Mapping
from enum import StrEnum


class ProcessingStatus(StrEnum):
    """The state of an upload, stored in the column of the same name."""

    PENDING = "PENDING"
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    DELETED = "DELETED"


_S = ProcessingStatus

MOVES: Mapping[ProcessingStatus, frozenset[ProcessingStatus]] = {
    _S.PENDING: frozenset({_S.UPLOADED, _S.FAILED, _S.EXPIRED, _S.CANCELLED, _S.DELETED}),
    _S.UPLOADED: frozenset({_S.PROCESSING, _S.DELETED}),
    _S.PROCESSING: frozenset({_S.UPLOADED, _S.COMPLETED, _S.FAILED, _S.DELETED}),
    _S.COMPLETED: frozenset({_S.DELETED}),
    _S.FAILED: frozenset({_S.UPLOADED, _S.DELETED}),
    _S.EXPIRED: frozenset({_S.UPLOADED, _S.FAILED, _S.CANCELLED, _S.DELETED}),
    _S.CANCELLED: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}
"""Every allowed move. A late arrival is verified like any other, so EXPIRED may fail its check too."""


_SHOWN_AS = {
    _S.COMPLETED: _S.COMPLETED,
    _S.FAILED: _S.FAILED,
    _S.EXPIRED: _S.FAILED,
    _S.CANCELLED: _S.FAILED,
}


def shown_as(status: ProcessingStatus) -> ProcessingStatus:
    """Return the status that clients see: COMPLETED, PROCESSING or FAILED."""
    return _SHOWN_AS.get(status, _S.PROCESSING)


class FailureCode(StrEnum):
    """Why an upload or its conversion failed.

    Clients act on these codes, so they are stable.
    """

    UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
    NO_AUDIO_STREAM = "NO_AUDIO_STREAM"
    CORRUPT = "CORRUPT"
    EMPTY_AUDIO = "EMPTY_AUDIO"
    DURATION_EXCEEDED = "DURATION_EXCEEDED"
    SIZE_MISMATCH = "SIZE_MISMATCH"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    DECODER_CRASHED = "DECODER_CRASHED"
    RESOURCE_LIMIT = "RESOURCE_LIMIT"
    UPLOAD_EXPIRED = "UPLOAD_EXPIRED"
    UPLOAD_CANCELLED = "UPLOAD_CANCELLED"
    FAILED_TOO_OFTEN = "FAILED_TOO_OFTEN"


class Start(StrEnum):
    """What started a conversion."""

    IMMEDIATE = "immediate"
    """The call that created the record, or the arrival of its bytes, in a free slot."""
    WAKE_UP = "wakeup"
    BATCH = "batch"


RETRYABLE = frozenset({FailureCode.DECODER_CRASHED, FailureCode.RESOURCE_LIMIT, FailureCode.FAILED_TOO_OFTEN})
"""Failures that another run could change; all others are properties of the file."""

_FAILURE_OF = {
    _S.EXPIRED: FailureCode.UPLOAD_EXPIRED,
    _S.CANCELLED: FailureCode.UPLOAD_CANCELLED,
}


def failure_of(status: ProcessingStatus, failure: FailureCode | None) -> FailureCode | None:
    """Return the failure that clients see: that of an upload that never arrived, or the stored one.

    The stored one counts only while the upload is FAILED: another program may have completed it since.
    """
    return failure if status is _S.FAILED else _FAILURE_OF.get(status)
