from collections.abc import Collection, Sequence
from datetime import datetime

from orak.adapters.persistence.memory.event_log import logged_event
from orak.adapters.persistence.memory.store import StoredEvents
from orak.application.ports.cursors import DeferredEvent, Lag, SetAside
from orak.domain.identity import UploadId


class MemoryCursors:
    """How far each reader is in the feed."""

    def __init__(self, log: StoredEvents) -> None:
        self._log = log

    async def lag(self, subscriber: str, at: datetime) -> Lag:
        """Say how much *reader*, known or not, has before it. Numbered events alone count."""
        position = self._log.cursors.get(subscriber, 0)
        aside = self._aside(subscriber)
        before = [*range(position + 1, self._log.numbered + 1)[:1], *(one.position for one in aside)]
        return Lag(
            subscriber,
            self._log.numbered - position,
            len(aside),
            sum(one.due_at <= at for one in aside),
            min((self._log.events[place - 1].event.at for place in before), default=None),
        )

    async def begin(self, subscriber: str, position: int) -> None:
        """Make *reader* known, done up to *position*, unless it is known already."""
        self._log.cursors.setdefault(subscriber, position)

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the one process that reads for *reader* until then; return its position."""
        if subscriber not in self._log.cursors:
            return None
        held_by, held_until = self._log.holds.get(subscriber, (holder, at))
        if held_by != holder and at < held_until:
            return None
        self._log.holds[subscriber] = holder, until
        return self._log.cursors[subscriber]

    async def let_go(self, subscriber: str, holder: str) -> None:
        """Let others hold *reader* at once, if *holder* still did."""
        if self._log.holds.get(subscriber, ("",))[0] == holder:
            del self._log.holds[subscriber]

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Note that *reader* is done up to *position* but for what it sets aside."""
        if not self._may_write(subscriber, holder):
            return
        self._set_aside(subscriber, aside)
        self._log.cursors[subscriber] = max(position, self._log.cursors[subscriber])

    async def deferred(
        self, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        """Return events set aside until then or earlier, the longest overdue first."""
        aside = self._aside(subscriber)
        if in_order:
            heads: dict[UploadId, SetAside] = {}
            for one in sorted(aside, key=lambda one: one.position):
                heads.setdefault(one.upload_id, one)
            aside = list(heads.values())
        due = sorted((one for one in aside if one.due_at <= at), key=lambda one: (one.due_at, one.position))
        return [
            DeferredEvent(logged_event(one.position, self._log.events[one.position - 1]), one.tries)
            for one in due[:limit]
        ]

    async def settle(
        self,
        subscriber: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        """Forget the positions that *reader* is *done* with, and set others aside for longer."""
        if not self._may_write(subscriber, holder):
            return
        self._set_aside(subscriber, again)
        for position in done:
            self._log.deferred.pop((subscriber, position), None)

    async def blocked(self, subscriber: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* of which *reader* has set an event aside."""
        return frozenset(one.upload_id for one in self._aside(subscriber)).intersection(uploads)

    def _may_write(self, subscriber: str, holder: str | None) -> bool:
        if subscriber not in self._log.cursors:
            return False
        return holder is None or self._log.holds.get(subscriber, ("",))[0] == holder

    def _aside(self, subscriber: str) -> list[SetAside]:
        return [one for (of, _), one in self._log.deferred.items() if of == subscriber]

    def _set_aside(self, subscriber: str, aside: Sequence[SetAside]) -> None:
        self._log.deferred |= {(subscriber, one.position): one for one in aside}
