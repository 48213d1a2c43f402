import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orak.application.ports.facts import Facts
from orak.domain.events import NumberedFact

_log = logging.getLogger(__name__)

_AT_ONCE = 500


class FactReader(Protocol):
    """Acts on facts; it sees each at least once, in the feed's order."""

    @property
    def name(self) -> str:
        """Under this name its place in the feed is kept."""
        ...

    async def read(self, numbered: NumberedFact) -> None:
        """Act on one fact, again if it must. Raising stops this reader here until the next round."""
        ...


@dataclass(frozen=True, slots=True)
class RelayFacts:
    """Hand every fact to every reader, each at its own pace: a stuck one does not hold up the others."""

    facts: Facts
    readers: Sequence[FactReader]

    async def __call__(self) -> int:
        """Number what is new, then read on from every reader's place; return how many facts were read."""
        await self.facts.number()
        read = 0
        for reader in self.readers:
            read += await self._read_on(reader)
        return read

    async def _read_on(self, reader: FactReader) -> int:
        done = await self.facts.cursor(reader.name)
        count = 0
        while page := await self.facts.after(done, _AT_ONCE):
            reached = done
            try:
                for numbered in page:
                    await reader.read(numbered)
                    reached = numbered.position
                    count += 1
            except Exception:  # noqa: BLE001 - whatever a reader trips over is its own
                _log.exception("%s stops before position %d until the next round", reader.name, reached + 1)
                return count
            finally:
                if reached > done:
                    await self.facts.advance(reader.name, reached)
            done = reached
        return count
