from orak.application.ports.live import LiveMessage
from orak.domain.events import EventType, LoggedEvent
from orak.domain.processing import ProcessingStatus, shown_as

_COMPLETE = 100

EVENT_TYPES = frozenset(EventType) - {EventType.UPLOAD_REQUESTED}
"""The types of events that may be about a Record."""


def message_of(logged: LoggedEvent) -> LiveMessage | None:
    """Return the message that an event sends to the owner.

    Return None if the event is about no Record yet.
    """
    event = logged.event
    if event.record_id is None:
        return None
    deleted = event.status is ProcessingStatus.DELETED
    return LiveMessage(
        logged.position,
        event.record_id,
        logged.upload_id,
        ProcessingStatus.FAILED if deleted else shown_as(event.status),
        _COMPLETE if event.status is ProcessingStatus.COMPLETED else 0,
        event.at,
        deleted,
    )
