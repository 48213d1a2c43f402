"""Domain events: one for each change of an upload or its Record."""

from datetime import datetime
from enum import StrEnum

import msgspec

from orak.domain.identity import EventKey, RecordId, UploadId, UserId
from orak.domain.origin import Origin
from orak.domain.processing import FailureCode, ProcessingStatus


class EventType(StrEnum):
    """What happened. The values are also the detail types on EventBridge."""

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
"""Events after which an upload may be waiting; the latest of them put it in line."""

FAILURE_EVENTS = frozenset({EventType.UPLOAD_REJECTED, EventType.PROCESSING_FAILED})
"""The events that leave an upload FAILED."""


class DomainEvent(msgspec.Struct, frozen=True):
    """One change, and the upload's state after it.

    It holds ids, states, the version and keys, but no title and no file name: events are never rewritten, and
    must not keep what a person may ask to be erased. The event log keeps the upload's id and version beside
    the event.
    """

    type: EventType
    user_id: UserId
    uuid: str
    status: ProcessingStatus
    attempt: int
    key: EventKey
    """The original object's key until COMPLETED, then the rendition's."""
    at: datetime
    record_id: RecordId | None = None
    failures: int = 0
    failure: FailureCode | None = None
    origin: Origin | None = None
    """The request that made the change, or that a background process works for."""


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its feed position; every subscriber sees the same order."""

    position: int
    event_id: int
    upload_id: UploadId
    version: int
    event: DomainEvent
