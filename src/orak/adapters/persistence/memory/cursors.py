from collections.abc import Collection, Sequence
from datetime import datetime

from orak.adapters.persistence.memory.facts import numbered_fact
from orak.adapters.persistence.memory.store import FactLog
from orak.application.ports.cursors import DeferredFact, Lag, SetAside
from orak.domain.identity import UploadId


class MemoryCursors:
    """How far each reader is in the feed."""

    def __init__(self, log: FactLog) -> None:
        self._log = log

    async def lag(self, reader: str, at: datetime) -> Lag:
        """Say how much *reader*, known or not, has before it. Numbered facts alone count."""
        position = self._log.cursors.get(reader, 0)
        aside = self._aside(reader)
        before = [*range(position + 1, self._log.numbered + 1)[:1], *(one.position for one in aside)]
        return Lag(
            reader,
            self._log.numbered - position,
            len(aside),
            sum(one.due_at <= at for one in aside),
            min((self._log.facts[place - 1].fact.at for place in before), default=None),
        )

    async def begin(self, reader: str, position: int) -> None:
        """Make *reader* known, done up to *position*, unless it is known already."""
        self._log.cursors.setdefault(reader, position)

    async def hold(self, reader: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the one process that reads for *reader* until then; return its position."""
        if reader not in self._log.cursors:
            return None
        held_by, held_until = self._log.holds.get(reader, (holder, at))
        if held_by != holder and at < held_until:
            return None
        self._log.holds[reader] = holder, until
        return self._log.cursors[reader]

    async def let_go(self, reader: str, holder: str) -> None:
        """Let others hold *reader* at once, if *holder* still did."""
        if self._log.holds.get(reader, ("",))[0] == holder:
            del self._log.holds[reader]

    async def advance(
        self, reader: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Note that *reader* is done up to *position* but for what it sets aside."""
        if not self._may_write(reader, holder):
            return
        self._set_aside(reader, aside)
        self._log.cursors[reader] = max(position, self._log.cursors[reader])

    async def deferred(self, reader: str, at: datetime, limit: int, *, in_order: bool) -> list[DeferredFact]:
        """Return facts set aside until then or earlier, the longest overdue first."""
        aside = self._aside(reader)
        if in_order:
            heads: dict[UploadId, SetAside] = {}
            for one in sorted(aside, key=lambda one: one.position):
                heads.setdefault(one.upload_id, one)
            aside = list(heads.values())
        due = sorted((one for one in aside if one.due_at <= at), key=lambda one: (one.due_at, one.position))
        return [
            DeferredFact(numbered_fact(one.position, self._log.facts[one.position - 1]), one.tries)
            for one in due[:limit]
        ]

    async def settle(
        self,
        reader: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        """Forget the positions that *reader* is *done* with, and set others aside for longer."""
        if not self._may_write(reader, holder):
            return
        self._set_aside(reader, again)
        for position in done:
            self._log.deferred.pop((reader, position), None)

    async def blocked(self, reader: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* of which *reader* has set a fact aside."""
        return frozenset(one.upload_id for one in self._aside(reader)).intersection(uploads)

    def _may_write(self, reader: str, holder: str | None) -> bool:
        if reader not in self._log.cursors:
            return False
        return holder is None or self._log.holds.get(reader, ("",))[0] == holder

    def _aside(self, reader: str) -> list[SetAside]:
        return [one for (of, _), one in self._log.deferred.items() if of == reader]

    def _set_aside(self, reader: str, aside: Sequence[SetAside]) -> None:
        self._log.deferred |= {(reader, one.position): one for one in aside}
