"""Stopping a long-running command by a signal."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

from uvicorn.loops.auto import auto_loop_factory

SHUTDOWN_SECONDS = 10.0
"""From the signal to the forced end of the process. Unfinished jobs come back when their lease ends."""


def run_until_signal(main: Callable[[], Awaitable[None]]) -> None:
    """Run *main* until it returns, or cancel it on SIGINT or SIGTERM; it has 10 s to clean up."""

    async def stoppable() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
            start_deadline()
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            await task
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(stoppable())


def start_deadline() -> None:
    """End this process by force in 10 s, whatever it then does."""
    deadline = threading.Timer(SHUTDOWN_SECONDS, os._exit, args=(1,))
    deadline.daemon = True
    deadline.start()
