import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from orak.application.event_backlog import EventBacklog
from orak.application.ports.event_log import EventLog
from orak.domain.events import EventType, LoggedEvent

_PAGE = 500


class LocalSubscriber(Protocol):
    """Receives each new event of its types once while its process lives.

    Events come in the feed's order. It never fails.
    """

    @property
    def event_types(self) -> frozenset[EventType]:
        """The types of the events that it acts on."""
        ...

    async def receive(self, logged: LoggedEvent) -> None:
        """Act on one event."""
        ...


@dataclass(slots=True)
class FollowEvents:
    """Pass new events to the subscriber of this process.

    Events are new if they happened since the process began to follow.
    """

    event_log: EventLog
    backlog: EventBacklog
    subscriber: LocalSubscriber
    _position: int | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Read the new events. Raise `Unavailable` if the database cannot be reached."""
        async with self._lock:  # two calls at once would pass every event twice
            last = (await self.backlog()).last
            if self._position is None:
                self._position = last
            while self._position < last:
                page = await self.event_log.page(self._position, _PAGE, self.subscriber.event_types)
                for logged in page.events:
                    await self.subscriber.receive(logged)
                    self._position = logged.position
                self._position = page.end
