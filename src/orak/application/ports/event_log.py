from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import UserId


class EventPage(msgspec.Struct, frozen=True):
    """Events of some types, in order."""

    events: Sequence[LoggedEvent]
    end: int
    """Up to this position, every event of these types is in the page or before it."""
    is_last: bool
    """Whether the log ended there when it was read."""


class EventLog(Protocol):
    """Every event once, in the one order that all subscribers see.

    Every method may raise `Unavailable`.

    `Uploads.save`, `Intake.add` and `Leases.claim` write events in their transactions, without a position. A
    subscriber that read by id or time would miss the events of a slower transaction.
    """

    async def number(self) -> int:
        """Give positions to events without one, by id; return how many.

        Positions rise by one, without gaps. A numbered event keeps its position.
        """
        ...

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return the events after *position*, in order."""
        ...

    async def page(self, position: int, limit: int, types: Collection[EventType]) -> EventPage:
        """Return the events after *position* that are of one of these *types*.

        The page ends after *limit* events, and before it has passed over too many events of other types. Its
        `end` is beyond *position* if any event is.
        """
        ...

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return the events of a user's uploads between two positions, in order.

        *after* is not included, *up_to* is.
        """
        ...

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 if no event has one."""
        ...
