import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from orak.application.ports.clock import Clock
from orak.application.ports.facts import Facts
from orak.application.ports.failures import Unavailable
from orak.domain.events import NumberedFact
from orak.domain.policies import OUTAGES, UNAVAILABLE_DELAY

_log = logging.getLogger(__name__)

_AT_ONCE = 500

_AFTER_A_BUG = timedelta(minutes=1)
"""A fact that a reader stumbled over is tried again after this."""


class FactReader(Protocol):
    """Acts on facts; it sees each at least once, in the feed's order but for those that it failed on."""

    @property
    def name(self) -> str:
        """Under this name its place in the feed is kept."""
        ...

    async def read(self, numbered: NumberedFact) -> timedelta | None:
        """Act on one fact; return after what time it is to come once more, None for not at all.

        If this raises, the fact comes again too, and others meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class RelayFacts:
    """Hand every fact to every reader, each at its own pace: a stuck one does not hold up the others.

    Nor does one fact that a reader cannot act on hold up the next: it is set aside and tried again. Only when
    nothing works, the reader stays where it is until the next round.
    """

    facts: Facts
    readers: Sequence[FactReader]
    clock: Clock

    async def __call__(self) -> int:
        """Number what is new, then read on from every reader's place; return how many facts were acted on.

        Raise `Unavailable` if the database cannot be reached.
        """
        await self.facts.number()
        return sum(await asyncio.gather(*(self._serve(reader) for reader in self.readers)))

    async def _serve(self, reader: FactReader) -> int:
        return await self._read_again(reader) + await self._read_on(reader)

    async def _read_again(self, reader: FactReader) -> int:
        overdue = await self.facts.deferred(reader.name, self.clock.now(), _AT_ONCE)
        done, outages = 0, 0
        for numbered in overdue:
            works, again = await self._act(reader, numbered)
            if again:
                await self.facts.defer(reader.name, numbered.position, self.clock.now() + again)
            else:
                await self.facts.settle(reader.name, numbered.position)
            done, outages = done + works, 0 if works else outages + 1
            if outages == OUTAGES:
                break
        return done

    async def _read_on(self, reader: FactReader) -> int:
        place = await self.facts.cursor(reader.name)
        done, outages = 0, 0
        while page := await self.facts.after(place, _AT_ONCE):
            for numbered in page:
                works, again = await self._act(reader, numbered)
                done, outages = done + works, 0 if works else outages + 1
                if outages == OUTAGES:
                    await self.facts.advance(reader.name, place)
                    return done
                if again:
                    await self.facts.defer(reader.name, numbered.position, self.clock.now() + again)
                place = numbered.position
            await self.facts.advance(reader.name, place)
        return done

    async def _act(self, reader: FactReader, numbered: NumberedFact) -> tuple[bool, timedelta | None]:
        """Let *reader* act; return whether it could, and after what time the fact is to come again."""
        try:
            return True, await reader.read(numbered)
        except Unavailable as outage:
            _log.warning("%s sets fact %d aside: %s", reader.name, numbered.position, outage)
            return False, UNAVAILABLE_DELAY
        except Exception:  # noqa: BLE001 - whatever a reader trips over is its own
            _log.exception("%s sets fact %d aside", reader.name, numbered.position)
            return False, _AFTER_A_BUG
