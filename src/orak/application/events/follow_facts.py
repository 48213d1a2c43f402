import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orak.application.ports.facts import Facts
from orak.domain.events import NumberedFact

_AT_ONCE = 500


class FactListener(Protocol):
    """Hears each new fact once while its process lives, in the feed's order; it never fails."""

    async def hear(self, numbered: NumberedFact) -> None:
        """Take note of one fact."""
        ...


@dataclass(slots=True)
class FollowFacts:
    """Tell this process's own listeners of each fact that is new since it began."""

    facts: Facts
    listeners: Sequence[FactListener]
    _heard: int | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Read on in the feed. Raise `Unavailable` if the database cannot be reached."""
        async with self._turn:  # two at once would tell everything twice
            await self.facts.number()
            if self._heard is None:
                self._heard = await self.facts.last()
            while page := await self.facts.after(self._heard, _AT_ONCE):
                for numbered in page:
                    for listener in self.listeners:
                        await listener.hear(numbered)
                    self._heard = numbered.position
