"""EventLog: what happened to an upload and its Record, append-only, one for each change."""

from datetime import datetime
from enum import StrEnum

import msgspec

from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus


class EventType(StrEnum):
    """What happened, in the past tense; the detail type on EventBridge."""

    UPLOAD_REQUESTED = "UploadRequested"
    UPLOAD_RECEIVED = "UploadReceived"
    UPLOAD_REJECTED = "UploadRejected"
    UPLOAD_EXPIRED = "UploadExpired"
    UPLOAD_CANCELLED = "UploadCancelled"
    RECORD_CREATED = "RecordCreated"
    RECORD_CHANGED = "RecordChanged"
    PROCESSING_STARTED = "ProcessingStarted"
    PROCESSING_RELEASED = "ProcessingReleased"
    PROCESSING_COMPLETED = "ProcessingCompleted"
    PROCESSING_FAILED = "ProcessingFailed"
    PROCESSING_RETRIED = "ProcessingRetried"
    RECORD_DELETED = "RecordDeleted"


QUEUEING_EVENTS = frozenset(
    {EventType.UPLOAD_RECEIVED, EventType.RECORD_CREATED, EventType.PROCESSING_RETRIED}
)
"""The last of these events put a waiting take in line: it had its bytes and its Record then, or once more."""

FAILURE_EVENTS = frozenset({EventType.UPLOAD_REJECTED, EventType.PROCESSING_FAILED})
"""The events that leave an upload FAILED."""


class DomainEvent(msgspec.Struct, frozen=True):
    """One change, and where it left the upload: enough to rebuild both tables, and nothing of a person.

    The upload's id and version are the stream's, which keeps them beside the event.
    """

    type: EventType
    user_id: UserId
    uuid: str
    status: ProcessingStatus
    attempt: int
    key: ObjectKey
    """What clients are told of: the uploaded object until COMPLETED, then the converted one."""
    original_key: ObjectKey
    at: datetime
    record_id: RecordId | None = None
    failures: int = 0
    failure: FailureCode | None = None


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event at its place in the feed, the one order that every reader sees."""

    position: int
    event_id: int
    upload_id: UploadId
    version: int
    event: DomainEvent
