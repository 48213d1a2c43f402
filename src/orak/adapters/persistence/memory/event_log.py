from itertools import islice

from orak.adapters.persistence.memory.store import NewEvent, StoredEvents
from orak.domain.events import LoggedEvent
from orak.domain.identity import UserId


class MemoryEventLog:
    """The feed. EventLog are logged as they are committed, so a position is an index and an event's id is too."""

    def __init__(self, log: StoredEvents) -> None:
        self._log = log

    async def number(self) -> int:
        """Give the next positions to the events that have none; say to how many."""
        new = len(self._log.events) - self._log.numbered
        self._log.numbered += new
        return new

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return the events beyond *position*, in order."""
        places = (
            place for place in range(position + 1, self._log.numbered + 1) if place not in self._log.forgotten
        )
        return [logged_event(place, self._log.events[place - 1]) for place in islice(places, limit)]

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return a user's own events beyond one position and up to another, in order."""
        own = (
            logged
            for logged in await self.after(after, self._log.numbered)
            if logged.event.user_id == user_id and logged.position <= up_to
        )
        return list(islice(own, limit))

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 for an empty feed."""
        return self._log.numbered


def logged_event(place: int, new: NewEvent) -> LoggedEvent:
    """Return a logged event at its place."""
    return LoggedEvent(place, place, new.upload_id, new.version, new.event)
