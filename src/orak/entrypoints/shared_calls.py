"""Calls that may hang: each runs once at a time, however often its result is asked for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

_log = logging.getLogger(__name__)

T = TypeVar("T")


class SharedCalls:
    """Makes calls by name. Callers that come while one runs share its result; it is not started again."""

    def __init__(self, *expected: type[Exception]) -> None:
        """Log every exception that is not *expected*, once until the call works again."""
        self._expected = expected
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._broken: set[str] = set()

    async def __call__(self, name: str, call: Callable[[], Awaitable[T]], limit: float) -> T | Exception:
        """Return the result of *call*, or why it has none; `TimeoutError` after *limit* seconds.

        The call goes on after that.
        """
        task = self._join(name, call)
        await asyncio.wait([task], timeout=limit)
        return task.result() if task.done() else TimeoutError("no answer in time")

    async def close(self) -> None:
        """Cancel the calls that still run."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values())

    def _join(self, name: str, call: Callable[[], Awaitable[T]]) -> asyncio.Task[T | Exception]:
        """Start the call, or join the one that runs."""
        if name not in self._running:
            task = asyncio.create_task(self._result(name, call), name=f"reading of {name}")
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name))
        return self._running[name]

    async def _result(self, name: str, call: Callable[[], Awaitable[T]]) -> T | Exception:
        try:
            result = await call()
        except self._expected as problem:
            return problem
        except Exception as bug:  # noqa: BLE001 - logged; one bug must not hide the other parts
            if name not in self._broken:
                self._broken.add(name)
                _log.exception("the check of %s failed", name, extra={"event": "check_error"})
            return bug
        self._broken.discard(name)
        return result
