"""Stopping a long-running command by a signal."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable

from uvicorn.loops.auto import auto_loop_factory

from orak.entrypoints.cli.drain import Drain

SHUTDOWN_SECONDS = 10.0
"""From the signal to the forced end of the process. Unfinished jobs come back when their lease ends."""


def run_until_signal(
    main: Callable[[], Awaitable[None]],
    on_hangup: Callable[[], None] | None = None,
    drain: Drain | None = None,
) -> None:
    """Run *main* until it returns, or cancel it on SIGINT or SIGTERM; it has 10 s to clean up.

    With a *drain*, SIGTERM begins that first, and a second signal ends it. With *on_hangup*, SIGHUP calls
    that instead of ending the process at once. SIGHUP because the terminal was closed is like SIGINT.
    """

    async def stoppable() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()

        def terminate() -> None:
            if drain is None or not drain.begin(stop):
                stop()

        def stop() -> None:
            if drain is not None:
                drain.stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            start_deadline()
            task.cancel()

        loop.add_signal_handler(signal.SIGINT, stop)
        loop.add_signal_handler(signal.SIGTERM, terminate)
        if on_hangup is not None:
            loop.add_signal_handler(signal.SIGHUP, _when_hung_up(on_hangup, stop))
        try:
            await task
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(stoppable())


def _when_hung_up(on_hangup: Callable[[], None], stop: Callable[[], None]) -> Callable[[], None]:
    """Return a call of *stop* if standard input was a terminal that is closed now, else of *on_hangup*."""
    had_terminal = os.isatty(0)
    return lambda: stop() if had_terminal and not os.isatty(0) else on_hangup()


def start_deadline() -> None:
    """End this process by force in 10 s, whatever it then does."""
    deadline = threading.Timer(SHUTDOWN_SECONDS, os._exit, args=(1,))
    deadline.daemon = True
    deadline.start()
