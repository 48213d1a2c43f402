from datetime import datetime
from typing import Self

import msgspec

from orak.domain.events import DomainEvent, EventType
from orak.domain.identity import EventKey, RecordId, UserId
from orak.domain.origin import Origin
from orak.domain.processing import FailureCode, ProcessingStatus


class EventPayload(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The JSON in `events.payload`.

    orak never rewrites a stored event, so a change may only add fields.
    """

    type: EventType
    user_id: UserId
    uuid: str
    status: ProcessingStatus
    attempt: int
    key: EventKey
    at: datetime
    record_id: RecordId | None = None
    failures: int = 0
    failure: FailureCode | None = None

    @classmethod
    def of(cls, event: DomainEvent) -> Self:
        """Return what is stored of *event*."""
        return cls(
            type=event.type,
            user_id=event.user_id,
            uuid=event.uuid,
            status=event.status,
            attempt=event.attempt,
            key=event.key,
            at=event.at,
            record_id=event.record_id,
            failures=event.failures,
            failure=event.failure,
        )

    def event(self, origin: Origin | None) -> DomainEvent:
        """Return the event that was stored; its *origin* is in columns of its own."""
        return DomainEvent(
            type=self.type,
            user_id=self.user_id,
            uuid=self.uuid,
            status=self.status,
            attempt=self.attempt,
            key=self.key,
            at=self.at,
            record_id=self.record_id,
            failures=self.failures,
            failure=self.failure,
            origin=origin,
        )
