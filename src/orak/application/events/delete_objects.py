import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.events.relay_facts import Beginning, Reading
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import Storage
from orak.domain.events import Fact, FactType, NumberedFact
from orak.domain.identity import published_attempt, published_prefix
from orak.domain.policies import OUTAGES, UNAVAILABLE_DELAY
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
    begins: Beginning = Beginning.FIRST
    longest_rest: timedelta = UNAVAILABLE_DELAY

    async def read(self, page: Sequence[NumberedFact]) -> Reading:
        """Remove what nobody will ask for after these facts, and nothing that a later attempt may write."""
        failed: set[int] = set()
        later: dict[int, timedelta] = {}
        out_of_reach: list[int] = []
        for place, numbered in enumerate(page):
            try:
                await self._remove(numbered.fact)
            except Unavailable as outage:
                _log.warning("%s sets fact %d aside: %s", self.name, numbered.position, outage)
                out_of_reach.append(numbered.position)
                if len(out_of_reach) == OUTAGES:
                    return Reading(failed, later=later, unread=len(page) - place - 1 + OUTAGES)
            else:
                failed.update(out_of_reach)
                out_of_reach.clear()
                if again := self._again(numbered.fact):
                    later[numbered.position] = again
        return Reading(failed.union(out_of_reach), later=later)

    def _again(self, fact: Fact) -> timedelta | None:
        over_before = fact.status is ProcessingStatus.DELETED or fact.type is FactType.PROCESSING_COMPLETED
        left = fact.at + self.late - self.clock.now()
        return left if over_before and fact.attempt > 1 and left > timedelta() else None

    async def _remove(self, fact: Fact) -> None:
        if fact.type in {FactType.UPLOAD_REJECTED, FactType.UPLOAD_CANCELLED}:
            # A cancelled one's bytes may have come unnoticed.
            await self.storage.delete(fact.original_key)
        elif fact.status is ProcessingStatus.DELETED:
            await self.storage.delete(fact.original_key)
            await self._delete_published(fact.uuid, up_to=fact.attempt)
        elif fact.type is FactType.PROCESSING_FAILED:
            await self._delete_published(fact.uuid, up_to=fact.attempt)
        elif fact.type is FactType.PROCESSING_COMPLETED and fact.attempt > 1:
            await self._delete_published(fact.uuid, up_to=fact.attempt - 1)

    async def _delete_published(self, uuid: str, *, up_to: int) -> None:
        async for published in self.storage.list(published_prefix(uuid)):
            if published_attempt(published.key) <= up_to:
                await self.storage.delete(published.key)
