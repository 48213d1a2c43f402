from datetime import datetime
from typing import Protocol


class DailyWork(Protocol):
    """Work that one process does once a day for all processes.

    Every method may raise `Unavailable`.
    """

    async def begin(self, name: str, at: datetime) -> bool:
        """Return whether the caller is to do the work now.

        It is not if any process began it less than a day before *at*.
        """
        ...

    async def abandon(self, name: str) -> None:
        """Note that the work failed; the next `begin` returns True."""
        ...
