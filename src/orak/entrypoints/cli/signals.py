"""Running until told to stop, and stopping in time."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

from uvicorn.loops.auto import auto_loop_factory

_LAST_MOMENT = 10.0
"""Seconds from the signal to the end, come what may: what is not finished then, a lease gives back."""


def run_until_signal(main: Callable[[], Awaitable[None]]) -> None:
    """Run *main*; SIGINT and SIGTERM cancel it, once and gently, and it has ten seconds to clean up."""

    async def stoppable() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)  # whoever cannot wait may signal again
            deadline = threading.Timer(_LAST_MOMENT, os._exit, args=(1,))
            deadline.daemon = True
            deadline.start()
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
