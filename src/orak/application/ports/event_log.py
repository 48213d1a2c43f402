from typing import Protocol

from orak.domain.events import LoggedEvent
from orak.domain.identity import UserId


class EventLog(Protocol):
    """The feed: every event once, in one order that all readers see. Every method may raise `Unavailable`.

    EventLog are written by `Uploads.save`, `Intake.add` and `Leases.claim`, in their transactions, without a
    position: a reader that went by id or time would miss those of a slower transaction.
    """

    async def number(self) -> int:
        """Give the next positions to the events that have none, in the order of their ids; say to how many.

        Positions rise by one and have no gaps. An event once numbered keeps its position.
        """
        ...

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return the events beyond *position*, in order."""
        ...

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return a user's own events beyond one position and up to another, in order."""
        ...

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 for an empty feed."""
        ...
