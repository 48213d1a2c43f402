from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time by which leases, URLs and records live."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC. Where machines share a database, it is the database's."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed on this clock."""
        ...
