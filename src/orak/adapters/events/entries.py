"""Events as entries of EventBridge's PutEvents."""

from collections.abc import Mapping

import msgspec

from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import EventKey, RecordId, UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus, failure_of
from orak.domain.times import WholeSeconds, whole_seconds

SOURCE = "orak.recordings"

MAX_BYTES = 256 * 2**10
"""Total size of the entries of one call (EventBridge user guide, "PutEvents event entry size")."""

MAX_ENTRIES = 10
"""Entries per call (EventBridge API reference, PutEvents)."""

STARTING = frozenset(
    {
        EventType.UPLOAD_RECEIVED,
        EventType.RECORD_CREATED,
        EventType.PROCESSING_RETRIED,
        EventType.PROCESSING_RELEASED,
    }
)
"""The detail types after which an upload may be waiting for conversion."""


class Detail(msgspec.Struct, frozen=True, rename="camel"):
    """The `Detail` field of an entry.

    Consumers recognise repeats by `event_id`, and the newer of two events of an upload by `version`.
    """

    event_id: int
    upload_id: UploadId
    record_id: RecordId | None
    user_id: UserId
    key: EventKey
    status: ProcessingStatus
    attempt: int
    version: int
    position: int
    failure: FailureCode | None
    at: WholeSeconds


def entry_of(logged: LoggedEvent, bus: str) -> Mapping[str, object]:
    """Return the PutEvents entry that sends an event to *bus*."""
    event = logged.event
    detail = Detail(
        logged.event_id,
        logged.upload_id,
        event.record_id,
        event.user_id,
        event.key,
        event.status,
        event.attempt,
        logged.version,
        logged.position,
        failure_of(event.status, event.failure),
        whole_seconds(event.at),
    )
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": event.type.value,
        "Time": event.at,
        "Detail": msgspec.json.encode(detail).decode(),
    }


def size_of(entry: Mapping[str, object]) -> int:
    """Return the size of an entry in bytes, as EventBridge counts it.

    It counts 14 bytes for the time, and the UTF-8 bytes of source, detail type and detail.
    """
    texts = (str(entry[name]) for name in ("Source", "DetailType", "Detail"))
    return 14 + sum(len(text.encode()) for text in texts)
