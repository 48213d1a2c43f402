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
        """Give the next positions to events without one, in the order of their ids; return how many.

        Positions rise by one, without gaps. A numbered event keeps its position.
        """
        ...

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return the events after *position*, in order."""
        ...

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return the events of a user's uploads, *after* one position and *up_to* another, in order."""
        ...

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 if no event has one."""
        ...
