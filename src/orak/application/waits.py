"""Waits that end when shutdown begins."""

import asyncio
from types import TracebackType


class WaitEnded(Exception):
    """Shutdown began before the wait was over."""


class Waits:
    """The waits of one process, which all end when shutdown begins."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._ended = False

    def end(self) -> None:
        """End all waits, and every later wait at once."""
        self._ended = True
        for wait in self._open:
            wait.reschedule(0)

    def until_shutdown(self) -> "UntilShutdown":
        """Raise `WaitEnded` inside the block if it waits when shutdown begins, or later.

        A block that does not have to wait completes even during shutdown.
        """
        return UntilShutdown(self._open, asyncio.timeout_at(0 if self._ended else None))


class UntilShutdown:
    """One wait. A class, because every call that reads a body waits, and a generator costs twice as much."""

    __slots__ = ("_open", "_wait")

    def __init__(self, open_waits: set[asyncio.Timeout], wait: asyncio.Timeout) -> None:
        self._open = open_waits
        self._wait = wait

    async def __aenter__(self) -> None:
        await self._wait.__aenter__()
        self._open.add(self._wait)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.discard(self._wait)
        try:
            await self._wait.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._wait.expired():
                raise WaitEnded from None
            raise
