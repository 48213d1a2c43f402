import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import Storage
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.events import DomainEvent, EventType, LoggedEvent
from orak.domain.identity import published_attempt, published_prefix
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES, UNAVAILABLE_DELAY
from orak.domain.processing import ProcessingStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeleteObjects:
    """Removes the objects of what was deleted or refused, and what attempts that died left behind.

    Twice, where a worker may not have known yet that its attempt was over: what it published a moment later,
    killed before it could take it back, goes after *late*.
    """

    storage: Storage
    clock: Clock
    late: timedelta
    name: str = "delete-objects"
    in_order: bool = False
    begins: StartPosition = StartPosition.FIRST
    longest_rest: timedelta = UNAVAILABLE_DELAY

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Remove what nobody will ask for after these events, and nothing that a later attempt may write."""
        failed: set[int] = set()
        later: dict[int, timedelta] = {}
        out_of_reach: list[int] = []
        for place, logged in enumerate(page):
            try:
                await self._remove(logged.event)
            except Unavailable as outage:
                _log.warning("%s sets event %d aside: %s", self.name, logged.position, outage)
                out_of_reach.append(logged.position)
                if len(out_of_reach) == MAX_CONSECUTIVE_OUTAGES:
                    return PageOutcome(
                        failed, later=later, unread=len(page) - place - 1 + MAX_CONSECUTIVE_OUTAGES
                    )
            else:
                failed.update(out_of_reach)
                out_of_reach.clear()
                if again := self._again(logged.event):
                    later[logged.position] = again
        return PageOutcome(failed.union(out_of_reach), later=later)

    def _again(self, event: DomainEvent) -> timedelta | None:
        over_before = event.status is ProcessingStatus.DELETED or event.type is EventType.PROCESSING_COMPLETED
        left = event.at + self.late - self.clock.now()
        return left if over_before and event.attempt > 1 and left > timedelta() else None

    async def _remove(self, event: DomainEvent) -> None:
        if event.type in {EventType.UPLOAD_REJECTED, EventType.UPLOAD_CANCELLED}:
            # A cancelled one's bytes may have come unnoticed.
            await self.storage.delete(event.original_key)
        elif event.status is ProcessingStatus.DELETED:
            await self.storage.delete(event.original_key)
            await self._delete_published(event.uuid, up_to=event.attempt)
        elif event.type is EventType.PROCESSING_FAILED:
            await self._delete_published(event.uuid, up_to=event.attempt)
        elif event.type is EventType.PROCESSING_COMPLETED and event.attempt > 1:
            await self._delete_published(event.uuid, up_to=event.attempt - 1)

    async def _delete_published(self, uuid: str, *, up_to: int) -> None:
        async for published in self.storage.list(published_prefix(uuid)):
            if published_attempt(published.key) <= up_to:
                await self.storage.delete(published.key)
