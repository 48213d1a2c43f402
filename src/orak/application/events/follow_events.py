import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orak.application.ports.event_log import EventLog
from orak.domain.events import LoggedEvent

_PAGE = 500


class LocalSubscriber(Protocol):
    """Receives each new event once while its process lives.

    Events come in the feed's order. It never fails.
    """

    async def receive(self, logged: LoggedEvent) -> None:
        """Act on one event."""
        ...


@dataclass(slots=True)
class FollowEvents:
    """Pass new events to the subscribers of this process.

    Events are new if they happened since the process began to follow.
    """

    event_log: EventLog
    subscribers: Sequence[LocalSubscriber]
    _position: int | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Read the new events. Raise `Unavailable` if the database cannot be reached."""
        async with self._lock:  # two calls at once would pass every event twice
            await self.event_log.number()
            if self._position is None:
                self._position = await self.event_log.last()
            while page := await self.event_log.after(self._position, _PAGE):
                for logged in page:
                    for subscriber in self.subscribers:
                        await subscriber.receive(logged)
                    self._position = logged.position
