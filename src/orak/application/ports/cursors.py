from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId


class SetAside(msgspec.Struct, frozen=True):
    """An event that a subscriber sets aside and receives again later."""

    position: int
    upload_id: UploadId
    due_at: datetime
    tries: int = 0
    """How often the subscriber has failed at it."""


class DeferredEvent(msgspec.Struct, frozen=True):
    """An event that was set aside, and how often its subscriber has failed at it."""

    logged: LoggedEvent
    tries: int


class Lag(msgspec.Struct, frozen=True):
    """How far a subscriber is behind the feed."""

    subscriber: str
    behind: int
    """How many events are beyond its cursor."""
    deferred: int
    """How many events it has set aside."""
    overdue: int
    """How many of these are due."""
    oldest_at: datetime | None
    """The time of the oldest event that the subscriber has not handled; None if it has handled all."""


class PendingEvents(msgspec.Struct, frozen=True):
    """What waits for one subscriber."""

    position: int
    """Its cursor."""
    is_behind: bool
    """Whether an event is beyond its cursor."""
    is_overdue: bool
    """Whether an event that it set aside is due."""


class Backlog(msgspec.Struct, frozen=True):
    """What the event log holds for its subscribers."""

    last: int
    """The position of the newest numbered event; 0 if no event has one."""
    has_unnumbered: bool
    """Whether an event has no position yet."""
    pending: Mapping[str, PendingEvents]
    """For each subscriber with a cursor: what it has not handled. Nothing for one that has handled all."""

    def work_of(self, subscriber: str) -> PendingEvents | None:
        """Return what the subscriber can read now, if anything."""
        pending = self.pending.get(subscriber)
        return pending if pending is not None and (pending.is_behind or pending.is_overdue) else None


class Cursors(Protocol):
    """The feed position of each subscriber, and the events that it set aside.

    Every method may raise `Unavailable`.
    """

    async def lags(self, subscribers: Sequence[str], at: datetime) -> list[Lag]:
        """Return how far each subscriber is behind, whether it has a cursor or not, in one statement.

        Only numbered events count.
        """
        ...

    async def backlog(self, at: datetime) -> Backlog:
        """Return what waits for all subscribers, in one statement."""
        ...

    async def begin(self, subscriber: str, position: int) -> None:
        """Create the subscriber's cursor at *position*, unless it has one."""
        ...

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the only process that reads for the subscriber.

        A process that holds it already prolongs its hold. The hold ends at *until*. Return the cursor's
        position; None while another process holds it, or without a cursor.
        """
        ...

    async def let_go(self, subscriber: str, holder: str) -> None:
        """End the hold of *holder*, if it still has it, so that another process may read."""
        ...

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Move the cursor to *position* and set events aside, both or neither.

        A cursor never goes back. Nothing happens without a cursor, or if *holder* is given and lost its hold.
        """
        ...

    async def deferred(
        self, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        """Return the set-aside events that are due *at* that time, longest overdue first.

        With *in_order*, return only the first set-aside event of each upload, and only once it is due.
        """
        ...

    async def settle(
        self,
        subscriber: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        """Remove the *done* set-aside events, and set others aside *again*.

        Nothing happens if *holder* is given and lost its hold.
        """
        ...

    async def blocked(self, subscriber: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* that have an event which the subscriber set aside."""
        ...
