from collections.abc import Awaitable, Callable
from typing import TypeVar

from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable

T = TypeVar("T")

_PAUSES = (0.02, 0.1)


async def with_retries(clock: Clock, work: Callable[[], Awaitable[T]]) -> T:
    """Do *work* up to three times in all while another writer was first or the database blinked.

    Each time must read what it decides on again, so *work* begins its own transaction. The third time, what
    it raises is raised, `StaleVersion` too.
    """
    for pause in _PAUSES:
        try:
            return await work()
        except (StaleVersion, Unavailable):
            await clock.sleep(pause)
    return await work()
