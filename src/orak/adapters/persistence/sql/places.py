import asyncio
from contextlib import suppress
from types import TracebackType

from orak.application.ports.failures import Unavailable


class Places:
    """A number of places for work on the database, given first come, first served.

    SQLAlchemy's pool lets newcomers overtake: under load, a few callers then wait until their time is over.
    """

    def __init__(self, size: int, patience: float) -> None:
        self._size = size
        self._free = asyncio.Semaphore(size)  # which wakes its waiters in order
        self._patience = patience

    async def __aenter__(self) -> None:
        """Take a place. Raise `Unavailable` if none is free for *patience* seconds."""
        if not self._free.locked():
            await self._free.acquire()  # returns at once
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unavailable("the database is busy") from error

    async def close(self) -> None:
        """Wait until all work has ended, for *patience* seconds at most. Later callers find no place."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for _ in range(self._size):
                    await self._free.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place to the caller that waits longest."""
        self._free.release()
