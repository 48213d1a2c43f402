"""The speed of this machine."""

import functools
import time

_LOOPS = 50_000
_REFERENCE_SECONDS = 0.004
"""CPU time of the loop on the machine that the limits were measured on (AMD EPYC, 2 cores, CPython 3.11)."""

_SLOWEST = 8.0


@functools.cache
def slowness() -> float:
    """Return how much more CPU time this machine needs than the reference: 1 if it is as fast, 8 at most.

    It is measured once in a process, within 50 ms.
    """
    fastest = min(_measure() for _ in range(5))
    return min(_SLOWEST, max(1.0, fastest / _REFERENCE_SECONDS))


def _measure() -> float:
    began = time.thread_time()
    total = 0.0
    for number in range(_LOOPS):
        total += (number % 7) * 0.5
    return time.thread_time() - began
