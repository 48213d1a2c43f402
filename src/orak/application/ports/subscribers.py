from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Protocol

from orak.domain.events import EventType, LoggedEvent


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What a subscriber did with a page of events."""

    failed: Collection[int] = ()
    """Positions that failed: they come again with back-off; other events are read meanwhile."""
    untried: Collection[int] = ()
    """Positions to repeat once the subscriber works again. They do not count as failed."""
    later: Mapping[int, timedelta] = field(default_factory=dict)
    """Positions that succeeded, and the time after which each comes once more."""
    unread: int = 0
    """How many events at the end of the page were not tried, because nothing works at present."""
    is_down: bool = False
    """Whether nothing works at present: the subscriber rests, longer each time."""
    rest: timedelta = timedelta(0)
    """How long the subscriber must rest at least; what failed comes again no earlier."""


class StartPosition(Enum):
    """Where a subscriber without a cursor begins."""

    FIRST = auto()
    """At the first event of the log."""
    NEXT = auto()
    """After the last event: the subscriber receives nothing that happened before."""
    GIVEN = auto()
    """At the cursor it was created with. Without one, the subscriber was removed and receives nothing."""


class Subscriber(Protocol):
    """Acts on events; it receives each at least once.

    Events come in the feed's order, except for those that failed.
    """

    @property
    def name(self) -> str:
        """The name under which its cursor is stored."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether an event that failed holds back the later events of its upload."""
        ...

    @property
    def longest_rest(self) -> timedelta:
        """How long the subscriber rests at most while nothing works."""
        ...

    @property
    def begins(self) -> StartPosition:
        """Where it begins without a cursor."""
        ...

    async def event_types(self) -> frozenset[EventType]:
        """Return the types of the events that it acts on, as they are now. Raise `Unavailable`.

        The relay asks after it has read a page, so no event after a change of the types is left out.
        """
        ...

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Act on events of its types, in their order.

        An in-order subscriber reports the later events of a failed event's upload as failed too.

        `Unavailable` means that nothing works and no event was acted on. Any other exception is a bug: the
        events come again one by one, and the one that raises comes again with back-off.
        """
        ...
