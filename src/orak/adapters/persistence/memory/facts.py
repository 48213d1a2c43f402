from datetime import datetime

from orak.adapters.persistence.memory.store import FactLog, NewFact
from orak.domain.events import NumberedFact


class MemoryFacts:
    """The feed. Facts are logged as they are committed, so a position is an index and a fact's id is too."""

    def __init__(self, log: FactLog) -> None:
        self._log = log

    async def number(self) -> int:
        """Give the next positions to the facts that have none; say to how many."""
        new = len(self._log.facts) - self._log.numbered
        self._log.numbered += new
        return new

    async def after(self, position: int, limit: int) -> list[NumberedFact]:
        """Return the facts beyond *position*, in order."""
        page = self._log.facts[position : min(position + limit, self._log.numbered)]
        return [_numbered(place, new) for place, new in enumerate(page, start=position + 1)]

    async def last(self) -> int:
        """Return the position of the newest numbered fact; 0 for an empty feed."""
        return self._log.numbered

    async def cursor(self, reader: str) -> int:
        """Return the position up to which *reader* is done; 0 for a new one."""
        return self._log.cursors.get(reader, 0)

    async def advance(self, reader: str, position: int) -> None:
        """Note that *reader* is done up to *position*; a cursor never goes back."""
        self._log.cursors[reader] = max(position, await self.cursor(reader))

    async def defer(self, reader: str, position: int, until: datetime) -> None:
        """Set one fact aside for *reader*, or set it aside for longer."""
        self._log.deferred[reader, position] = until

    async def deferred(self, reader: str, at: datetime, limit: int) -> list[NumberedFact]:
        """Return facts set aside until then or earlier, the longest overdue first."""
        due = [
            (until, place)
            for (of, place), until in self._log.deferred.items()
            if of == reader and until <= at
        ]
        return [_numbered(place, self._log.facts[place - 1]) for _, place in sorted(due)[:limit]]

    async def settle(self, reader: str, position: int) -> None:
        """Note that *reader* is done with a fact that it had set aside."""
        self._log.deferred.pop((reader, position), None)


def _numbered(place: int, new: NewFact) -> NumberedFact:
    return NumberedFact(place, place, new.upload_id, new.version, new.fact)
