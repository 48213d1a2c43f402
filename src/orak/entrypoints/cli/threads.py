"""Blocking work that a command may abandon."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *work* in a thread that ends with the process, and return its result.

    Unlike with `asyncio.to_thread`, neither a cancelled caller nor the end of the process waits for it.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not result.done():  # the caller was cancelled
            act()

    def run() -> None:
        try:
            value = work(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - the caller gets every error
            failure = error
            act: Callable[[], None] = lambda: result.set_exception(failure)  # noqa: E731 - one of two
        else:
            act = lambda: result.set_result(value)  # noqa: E731 - as above
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, act)

    threading.Thread(target=run, name="check", daemon=True).start()
    return await result
