from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time of leases, URLs and records."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC.

        Machines that share a database use the database's time.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when *seconds* have passed on this clock."""
        ...
