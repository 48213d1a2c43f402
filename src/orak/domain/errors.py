"""Refusals: a code and its parameters. Words and HTTP status are the entrypoints' matter."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from orak.domain.identity import RecordId, SongId, UploadId, UserId


class OrakError(Exception):
    """Anything orak refuses or cannot do, by its own judgement."""


class UploadNotFound(OrakError):
    """No upload has this id, or it was deleted."""

    def __init__(self, upload_id: UploadId) -> None:
        super().__init__(upload_id)
        self.upload_id = upload_id


class RecordNotFound(OrakError):
    """No record has this id, or it was deleted."""

    def __init__(self, record_id: RecordId) -> None:
        super().__init__(record_id)
        self.record_id = record_id


class SongNotFound(OrakError):
    """No song has this id."""

    def __init__(self, song_id: SongId) -> None:
        super().__init__(song_id)
        self.song_id = song_id


class PermissionDenied(OrakError):
    """It belongs to somebody else."""

    def __init__(self, record_id: RecordId | None, user_id: UserId) -> None:
        super().__init__(record_id, user_id)
        self.record_id = record_id
        self.user_id = user_id


class AdminRequired(OrakError):
    """The call is for operators: whose token has the scope `admin`."""


class RecordExists(OrakError):
    """The upload has its Record already."""

    def __init__(self, upload_id: UploadId) -> None:
        super().__init__(upload_id)
        self.upload_id = upload_id


class WrongState(StrEnum):
    """What an upload's state does not allow."""

    UPLOAD_FAILED = "UPLOAD_FAILED"
    """A Record for an upload that failed its check."""
    UPLOAD_CANCELLED = "UPLOAD_CANCELLED"
    """A Record for an upload that its owner gave up."""
    NOT_CANCELLABLE = "NOT_CANCELLABLE"
    """Giving up an upload that arrived, ended, or has a Record."""
    NOT_AWAITED = "NOT_AWAITED"
    """Bytes for an upload that has its own already, or was given up."""
    NOT_FAILED = "NOT_FAILED"
    """A retry of a take that did not fail."""
    OBJECT_GONE = "OBJECT_GONE"
    """A retry of a take whose bytes are no more, or are no longer those that were verified."""


class StateConflict(OrakError):
    """The upload stands where this cannot be done."""

    def __init__(self, upload_id: UploadId, why: WrongState) -> None:
        super().__init__(upload_id, why)
        self.upload_id = upload_id
        self.why = why


class LeaseLost(OrakError):
    """This attempt is no longer the upload's: whatever it made is to be thrown away."""


class IdempotencyMismatch(OrakError):
    """This Idempotency-Key came first with another body."""


class ProblemCode(StrEnum):
    """What is wrong with one field."""

    REQUIRED = "REQUIRED"
    TOO_LONG = "TOO_LONG"
    TOO_LARGE = "TOO_LARGE"
    NOT_POSITIVE = "NOT_POSITIVE"
    INVALID = "INVALID"
    INVALID_CHARACTER = "INVALID_CHARACTER"
    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    MALFORMED = "MALFORMED"
    NOT_PUBLIC = "NOT_PUBLIC"


class Problem(msgspec.Struct, frozen=True):
    """One invalid field: its name, what is wrong, and the limit it exceeds."""

    field: str
    code: ProblemCode
    limit: int | None = None


class Rejected(OrakError):
    """The request breaks these rules, all of them named at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(*problems)
        self.problems = tuple(problems)
