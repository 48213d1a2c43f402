"""Errors that orak raises deliberately.

Entrypoints choose their words and HTTP status.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec

from orak.domain.identity import RecordId, SongId, UploadId, UserId


class OrakError(Exception):
    """Base of everything that orak refuses or cannot do.

    `str(error)` is a sentence for the log.
    """

    summary: ClassVar[str] = "orak cannot do this"
    """The sentence of an error that is raised without one."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.summary)


class UploadNotFound(OrakError):
    """No upload has this id, or it was deleted."""

    def __init__(self, upload_id: UploadId) -> None:
        super().__init__(f"upload {upload_id} does not exist")
        self.upload_id = upload_id


class RecordNotFound(OrakError):
    """No record has this id, or it was deleted."""

    def __init__(self, record_id: RecordId) -> None:
        super().__init__(f"record {record_id} does not exist")
        self.record_id = record_id


class SongNotFound(OrakError):
    """No song has this id."""

    def __init__(self, song_id: SongId) -> None:
        super().__init__(f"song {song_id} does not exist")
        self.song_id = song_id


class PermissionDenied(OrakError):
    """The upload or record belongs to another user."""

    def __init__(self, record_id: RecordId | None, user_id: UserId) -> None:
        what = "the upload" if record_id is None else f"record {record_id}"
        super().__init__(f"{what} does not belong to user {user_id}")
        self.record_id = record_id
        self.user_id = user_id


class UserUnknown(OrakError):
    """The users belong to the app, and it has none with this id."""

    def __init__(self, user_id: UserId) -> None:
        super().__init__(f"the app has no user {user_id}")
        self.user_id = user_id


class SongsOfApp(OrakError):
    """The songs belong to the app, so orak changes none."""

    summary = "the songs of this database belong to the app"


class AdminRequired(OrakError):
    """The call is for operators, whose token has the scope `admin`."""

    summary = "the call needs the scope admin"


class RecordExists(OrakError):
    """The upload has a Record already."""

    def __init__(self, upload_id: UploadId) -> None:
        super().__init__(f"upload {upload_id} has a record already")
        self.upload_id = upload_id


class WrongState(StrEnum):
    """Why an upload's state does not allow a call."""

    UPLOAD_FAILED = "UPLOAD_FAILED"
    """A Record for an upload that failed its check."""
    UPLOAD_CANCELLED = "UPLOAD_CANCELLED"
    """A Record for an upload that its owner cancelled."""
    NOT_CANCELLABLE = "NOT_CANCELLABLE"
    """Cancelling an upload that arrived, ended, or has a Record."""
    NOT_AWAITED = "NOT_AWAITED"
    """Bytes for an upload that has its bytes already, or was cancelled."""
    NOT_FAILED = "NOT_FAILED"
    """A retry of a conversion that did not fail."""
    OBJECT_GONE = "OBJECT_GONE"
    """A retry of an upload whose verified object was deleted or replaced, or that never arrived."""
    NOT_RETRYABLE = "NOT_RETRYABLE"
    """A retry of a conversion that would fail again."""


_WRONG_STATES = {
    WrongState.UPLOAD_FAILED: "has failed",
    WrongState.UPLOAD_CANCELLED: "was cancelled",
    WrongState.NOT_CANCELLABLE: "can no longer be cancelled",
    WrongState.NOT_AWAITED: "no longer accepts a file",
    WrongState.NOT_FAILED: "has not failed",
    WrongState.OBJECT_GONE: "has no verified object",
    WrongState.NOT_RETRYABLE: "would fail again",
}


class StateConflict(OrakError):
    """The upload's state does not allow the call."""

    def __init__(self, upload_id: UploadId, why: WrongState) -> None:
        super().__init__(f"upload {upload_id} {_WRONG_STATES[why]}")
        self.upload_id = upload_id
        self.why = why


class LeaseLost(OrakError):
    """The upload no longer belongs to this attempt, whose output must be discarded."""

    summary = "the attempt has lost its lease"


class IdempotencyMismatch(OrakError):
    """The Idempotency-Key was used with another body."""

    summary = "the Idempotency-Key was used with another body"


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
    """One invalid field: its name, and what is wrong."""

    field: str
    code: ProblemCode
    limit: int | None = None
    """The limit that the value exceeds."""
    accepted: tuple[str, ...] = ()
    """The values that would be accepted, if they are few enough to list."""

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" (limit {self.limit})"
        accepted = f" (accepted: {', '.join(self.accepted)})" if self.accepted else ""
        return f"{self.field} is {self.code}{limit}{accepted}"


class Rejected(OrakError):
    """The request breaks rules; `problems` names all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)) or "the request is invalid")
        self.problems = tuple(problems)
