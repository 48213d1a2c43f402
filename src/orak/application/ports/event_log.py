from typing import Protocol

from orak.domain.events import LoggedEvent
from orak.domain.identity import UserId


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

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return the events of a user's uploads between two positions, in order.

        *after* is not included, *up_to* is.
        """
        ...

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 if no event has one."""
        ...
