from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable

T = TypeVar("T")

_PAUSES = (0.02, 0.1)
_BLINK = timedelta(seconds=2)


async def with_retries(clock: Clock, work: Callable[[], Awaitable[T]]) -> T:
    """Do *work* up to three times in all while another writer was first or the database blinked.

    What was silent for long did not blink, and no caller waits that long three times. Each time must read
    what it decides on again, so *work* begins its own transaction. The third time, what it raises is raised,
    `StaleVersion` too.
    """
    begun = clock.now()
    for pause in _PAUSES:
        try:
            return await work()
        except StaleVersion:
            await clock.sleep(pause)
        except Unavailable:
            if clock.now() - begun > _BLINK:
                raise
            await clock.sleep(pause)
    return await work()
