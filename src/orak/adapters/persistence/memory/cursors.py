from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from orak.adapters.persistence.memory.store import StoredEvents
from orak.application.ports.cursors import Backlog, DeferredEvent, Lag, PendingEvents, SetAside
from orak.domain.identity import UploadId


@dataclass(frozen=True, slots=True)
class MemoryCursors:
    """The port `Cursors` in memory."""

    log: StoredEvents

    async def lags(self, subscribers: Sequence[str], at: datetime) -> list[Lag]:
        return [self._lag(subscriber, at) for subscriber in subscribers]

    def _lag(self, subscriber: str, at: datetime) -> Lag:
        position = self.log.cursors.get(subscriber, 0)
        aside = self._aside(subscriber)
        pending = [*self.log.after(position, 1), *(self.log.at(one.position) for one in aside)]
        return Lag(
            subscriber,
            self.log.numbered - position,
            len(aside),
            sum(one.due_at <= at for one in aside),
            min((logged.event.at for logged in pending), default=None),
        )

    async def backlog(self, at: datetime) -> Backlog:
        pending = {}
        for subscriber, position in self.log.cursors.items():
            aside = self._aside(subscriber)
            if aside or position < self.log.numbered:
                is_overdue = any(one.due_at <= at for one in aside)
                pending[subscriber] = PendingEvents(position, position < self.log.numbered, is_overdue)
        return Backlog(self.log.numbered, self.log.numbered < self.log.last, pending)

    async def begin(self, subscriber: str, position: int) -> None:
        self.log.cursors.setdefault(subscriber, position)

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        if subscriber not in self.log.cursors:
            return None
        held_by, held_until = self.log.holds.get(subscriber, (holder, at))
        if held_by != holder and at < held_until:
            return None
        self.log.holds[subscriber] = holder, until
        return self.log.cursors[subscriber]

    async def let_go(self, subscriber: str, holder: str) -> None:
        if self._holder(subscriber) == holder:
            del self.log.holds[subscriber]

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        if not self._may_write(subscriber, holder):
            return
        self._set_aside(subscriber, aside)
        self.log.cursors[subscriber] = max(position, self.log.cursors[subscriber])

    async def deferred(
        self, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        aside = self._aside(subscriber)
        if in_order:
            heads: dict[UploadId, SetAside] = {}
            for one in sorted(aside, key=lambda one: one.position):
                heads.setdefault(one.upload_id, one)
            aside = list(heads.values())
        due = sorted((one for one in aside if one.due_at <= at), key=lambda one: (one.due_at, one.position))
        return [DeferredEvent(self.log.at(one.position), one.tries) for one in due[:limit]]

    async def settle(
        self,
        subscriber: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        if not self._may_write(subscriber, holder):
            return
        self._set_aside(subscriber, again)
        for position in done:
            self.log.deferred.pop((subscriber, position), None)

    async def blocked(self, subscriber: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        return frozenset(one.upload_id for one in self._aside(subscriber)).intersection(uploads)

    def _may_write(self, subscriber: str, holder: str | None) -> bool:
        if subscriber not in self.log.cursors:
            return False
        return holder is None or self._holder(subscriber) == holder

    def _holder(self, subscriber: str) -> str | None:
        held = self.log.holds.get(subscriber)
        return None if held is None else held[0]

    def _aside(self, subscriber: str) -> list[SetAside]:
        return [one for (of, _), one in self.log.deferred.items() if of == subscriber]

    def _set_aside(self, subscriber: str, aside: Sequence[SetAside]) -> None:
        self.log.deferred |= {(subscriber, one.position): one for one in aside}
