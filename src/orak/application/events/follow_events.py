import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orak.application.ports.event_log import EventLog
from orak.domain.events import LoggedEvent

_AT_ONCE = 500


class LocalSubscriber(Protocol):
    """Hears each new event once while its process lives, in the feed's order; it never fails."""

    async def hear(self, logged: LoggedEvent) -> None:
        """Take note of one event."""
        ...


@dataclass(slots=True)
class FollowEvents:
    """Tell this process's own listeners of each event that is new since it began."""

    event_log: EventLog
    listeners: Sequence[LocalSubscriber]
    _heard: int | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Read on in the feed. Raise `Unavailable` if the database cannot be reached."""
        async with self._turn:  # two at once would tell everything twice
            await self.event_log.number()
            if self._heard is None:
                self._heard = await self.event_log.last()
            while page := await self.event_log.after(self._heard, _AT_ONCE):
                for logged in page:
                    for listener in self.listeners:
                        await listener.hear(logged)
                    self._heard = logged.position
