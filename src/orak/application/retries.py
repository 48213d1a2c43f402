"""Retries, after a lost race or during an outage."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable

T = TypeVar("T")

_PAUSES_SECONDS = (0.02, 0.1)
_SHORT_OUTAGE = timedelta(seconds=2)
_PATIENT_PAUSE_SECONDS = 1.0


async def with_retries(clock: Clock, work: Callable[[], Awaitable[T]]) -> T:
    """Call *work* up to three times, until it succeeds.

    Another call follows `StaleVersion`, or a short outage. A longer outage is raised at once, so that no
    caller waits for it three times. *work* begins its own transaction, because each call must read again
    before it decides. An error of the third call is raised, `StaleVersion` too.
    """
    began = clock.now()
    for pause in _PAUSES_SECONDS:
        try:
            return await work()
        except StaleVersion:
            await clock.sleep(pause)
        except Unavailable:
            if clock.now() - began > _SHORT_OUTAGE:
                raise
            await clock.sleep(pause)
    return await work()


async def with_patience(clock: Clock, patience: timedelta, work: Callable[[], Awaitable[T]]) -> T:
    """Call *work* every second until it succeeds.

    Only `Unavailable` and `StaleVersion` lead to another call; after *patience* they are raised.
    """
    deadline = clock.now() + patience
    while True:
        try:
            return await work()
        except (Unavailable, StaleVersion):
            if clock.now() >= deadline:
                raise
            await clock.sleep(_PATIENT_PAUSE_SECONDS)
