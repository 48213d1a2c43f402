from itertools import islice

from orak.adapters.persistence.memory.store import FactLog, NewFact
from orak.domain.events import NumberedFact
from orak.domain.identity import UserId


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
        places = (
            place for place in range(position + 1, self._log.numbered + 1) if place not in self._log.forgotten
        )
        return [numbered_fact(place, self._log.facts[place - 1]) for place in islice(places, limit)]

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[NumberedFact]:
        """Return a user's own facts beyond one position and up to another, in order."""
        own = (
            numbered
            for numbered in await self.after(after, self._log.numbered)
            if numbered.fact.user_id == user_id and numbered.position <= up_to
        )
        return list(islice(own, limit))

    async def last(self) -> int:
        """Return the position of the newest numbered fact; 0 for an empty feed."""
        return self._log.numbered


def numbered_fact(place: int, new: NewFact) -> NumberedFact:
    """Return a logged fact at its place."""
    return NumberedFact(place, place, new.upload_id, new.version, new.fact)
