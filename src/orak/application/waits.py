"""Waits that end when shutdown begins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


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

    @asynccontextmanager
    async def until_shutdown(self) -> AsyncIterator[None]:
        """Raise `WaitEnded` inside the block if it waits when shutdown begins, or later.

        A block that does not have to wait completes even during shutdown.
        """
        wait = asyncio.timeout_at(0 if self._ended else None)
        try:
            async with wait:
                self._open.add(wait)
                try:
                    yield
                finally:
                    self._open.discard(wait)
        except TimeoutError:
            if wait.expired():
                raise WaitEnded from None
            raise
