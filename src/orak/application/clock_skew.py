"""How far this machine's clock is from other clocks that orak depends on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

RemoteClock = Callable[[], Awaitable[datetime]]
"""Returns the time of another machine. It may raise `Unavailable`."""


_PATIENCE = 2.0
"""Seconds that a clock has to answer."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Compares the clock of this machine with those of the database and the store."""

    machine: Clock
    remote: Mapping[str, RemoteClock]
    """The clocks by name: `database` if it is on PostgreSQL, `storage` if it is S3."""

    async def __call__(self) -> dict[str, float]:
        """Return by how many seconds this machine is ahead of each clock; negative if it is behind.

        A clock that does not answer within 2 s is left out. The error is at most half of the time that an
        answer takes.
        """
        asked = await asyncio.gather(*map(self._against, self.remote.values()))
        return {
            name: seconds for name, seconds in zip(self.remote, asked, strict=True) if seconds is not None
        }

    async def _against(self, remote: RemoteClock) -> float | None:
        asked = self.machine.now()
        try:
            async with asyncio.timeout(_PATIENCE):
                there = await remote()
        except (Unavailable, TimeoutError):
            return None
        return (asked + (self.machine.now() - asked) / 2 - there).total_seconds()
