from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

from orak.adapters.persistence.memory.store import StoredEvents
from orak.application.ports.event_log import EventPage
from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import UserId


@dataclass(frozen=True, slots=True)
class MemoryEventLog:
    """The port `EventLog` in memory."""

    log: StoredEvents

    async def number(self) -> int:
        new = self.log.last - self.log.numbered
        self.log.numbered += new
        return new

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        return list(self.log.after(position, limit))

    async def page(self, position: int, limit: int, types: Collection[EventType]) -> EventPage:
        wanted = (one for one in self.log.after(position, self.log.numbered) if one.event.type in types)
        found = list(islice(wanted, limit))
        end = found[-1].position if len(found) == limit else max(position, self.log.numbered)
        return EventPage(found, end, is_last=end >= self.log.numbered)

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        own = (
            logged
            for logged in self.log.after(after, self.log.numbered)
            if logged.event.user_id == user_id and logged.position <= up_to
        )
        return list(islice(own, limit))

    async def last(self) -> int:
        return self.log.numbered
