from orak.adapters.persistence.memory.store import FactLog
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
        return [
            NumberedFact(place, place, new.upload_id, new.version, new.fact)
            for place, new in enumerate(page, start=position + 1)
        ]

    async def cursor(self, reader: str) -> int:
        """Return the position up to which *reader* is done; 0 for a new one."""
        return self._log.cursors.get(reader, 0)

    async def advance(self, reader: str, position: int) -> None:
        """Note that *reader* is done up to *position*; a cursor never goes back."""
        self._log.cursors[reader] = max(position, await self.cursor(reader))
