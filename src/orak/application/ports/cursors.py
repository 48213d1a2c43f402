from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId


class SetAside(msgspec.Struct, frozen=True):
    """An event that a reader comes back to, reading on beyond it meanwhile."""

    position: int
    upload_id: UploadId
    due_at: datetime
    tries: int = 0
    """How often the reader has failed at it."""


class DeferredEvent(msgspec.Struct, frozen=True):
    """An event that was set aside, and how often its reader has failed at it."""

    logged: LoggedEvent
    tries: int


class Lag(msgspec.Struct, frozen=True):
    """How far a reader is behind the feed."""

    subscriber: str
    behind: int
    """EventLog beyond its cursor."""
    deferred: int
    """EventLog that it has set aside."""
    overdue: int
    """Of those, the ones whose time has come."""
    oldest_at: datetime | None
    """The time of the oldest event that it is not done with; None if it is done with all."""

    @property
    def has_work(self) -> bool:
        """Whether there is something to read now."""
        return bool(self.behind or self.overdue)


class Cursors(Protocol):
    """How far each reader is in the feed. Every method may raise `Unavailable`."""

    async def lag(self, subscriber: str, at: datetime) -> Lag:
        """Say how much *reader*, known or not, has before it. Numbered events alone count."""
        ...

    async def begin(self, subscriber: str, position: int) -> None:
        """Make *reader* known, done up to *position*, unless it is known already."""
        ...

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the one process that reads for *reader* until then, or for longer if it is already.

        Return the position up to which the reader is done; None while another holds it, or if it is not
        known.
        """
        ...

    async def let_go(self, subscriber: str, holder: str) -> None:
        """Let others hold *reader* at once, if *holder* still did."""
        ...

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Note that *reader* is done up to *position* but for what it sets aside, both or neither.

        A cursor never goes back. Nothing happens to a reader that is not known, nor with a *holder* that
        does not hold it any more.
        """
        ...

    async def deferred(
        self, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        """Return events set aside until then or earlier, the longest overdue first.

        *in_order*: of each upload only the first that was set aside, and only once that one is due.
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
        """Forget the positions that *reader* is *done* with, and set others aside, or aside for longer.

        With a *holder*, nothing happens unless that one holds the reader still.
        """
        ...

    async def blocked(self, subscriber: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* of which *reader* has set an event aside."""
        ...
