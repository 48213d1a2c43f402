import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.storage import Storage
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.errors import UploadNotFound
from orak.domain.events import DomainEvent, EventType, LoggedEvent
from orak.domain.identity import UploadId, published_attempt, published_prefix
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES, UNAVAILABLE_DELAY
from orak.domain.processing import ProcessingStatus

_log = logging.getLogger(__name__)

_EVENT_TYPES = frozenset(
    {
        EventType.UPLOAD_REJECTED,
        EventType.UPLOAD_EXPIRED,  # an orphan was deleted, or no bytes came
        EventType.UPLOAD_CANCELLED,
        EventType.PROCESSING_COMPLETED,
        EventType.PROCESSING_FAILED,
        EventType.RECORD_DELETED,
    }
)


@dataclass(frozen=True, slots=True)
class DeleteObjects:
    """Deletes objects that no upload needs any more.

    These are the objects of deleted and rejected uploads, and those that dead attempts left. If a worker may
    not have noticed yet that its attempt is over, deletion is repeated after `late`. The worker may publish
    an object in between, and be killed before it removes the object.

    An event holds no file name, so the row says which key the original has. A row that is gone was purged,
    and its objects with it.
    """

    snapshots: Snapshots
    storage: Storage
    clock: Clock
    late: timedelta
    name: str = "delete-objects"
    in_order: bool = False
    begins: StartPosition = StartPosition.FIRST
    longest_rest: timedelta = UNAVAILABLE_DELAY

    async def event_types(self) -> frozenset[EventType]:
        """Return the types of events that may make objects useless."""
        return _EVENT_TYPES

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Delete the objects that these events made useless.

        The output of later attempts stays.
        """
        failed: set[int] = set()
        later: dict[int, timedelta] = {}
        unreachable: list[int] = []
        for index, logged in enumerate(page):
            try:
                await self._delete(logged)
            except Unavailable as outage:
                _log.warning(
                    "%s sets event %d aside: %s",
                    *(self.name, logged.position, outage),
                    extra={
                        "event": "relay_error",
                        "subscriber": self.name,
                        "position": logged.position,
                        "uploadId": logged.upload_id,
                        "reason": str(outage),
                    },
                )
                unreachable.append(logged.position)
                if len(unreachable) == MAX_CONSECUTIVE_OUTAGES:
                    return PageOutcome(
                        failed, later=later, unread=len(page) - index - 1 + MAX_CONSECUTIVE_OUTAGES
                    )
            else:
                failed.update(unreachable)
                unreachable.clear()
                if again := self._delete_again_after(logged.event):
                    later[logged.position] = again
        return PageOutcome(failed.union(unreachable), later=later)

    def _delete_again_after(self, event: DomainEvent) -> timedelta | None:
        attempt_may_run = (
            event.status is ProcessingStatus.DELETED or event.type is EventType.PROCESSING_COMPLETED
        )
        left = event.at + self.late - self.clock.now()
        return left if attempt_may_run and event.attempt > 1 and left > timedelta() else None

    async def _delete(self, logged: LoggedEvent) -> None:
        event = logged.event
        if event.type in {EventType.UPLOAD_REJECTED, EventType.UPLOAD_CANCELLED}:
            # The bytes of a cancelled upload may have arrived unnoticed.
            await self._delete_original(logged.upload_id)
        elif event.status is ProcessingStatus.DELETED:
            await self._delete_original(logged.upload_id)
            await self._delete_published(event.uuid, up_to=event.attempt)
        elif event.type is EventType.PROCESSING_FAILED and event.attempt > 0:
            await self._delete_published(event.uuid, up_to=event.attempt)
        elif event.type is EventType.PROCESSING_COMPLETED and event.attempt > 1:
            await self._delete_published(event.uuid, up_to=event.attempt - 1)

    async def _delete_original(self, upload_id: UploadId) -> None:
        with suppress(UploadNotFound):
            await self.storage.delete((await self.snapshots.upload(upload_id)).key)

    async def _delete_published(self, uuid: str, *, up_to: int) -> None:
        async for published in self.storage.list(published_prefix(uuid)):
            if published_attempt(published.key) <= up_to:
                await self.storage.delete(published.key)
