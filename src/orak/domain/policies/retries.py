"""How often and when orak tries again."""

from datetime import timedelta

MAX_FAILURES = 5
"""Failed attempts after which an upload is a dead letter."""

MAX_FAILURES_WHEN_KILLED = 2
"""The same if the decoder was killed in the last attempt."""

UNAVAILABLE_DELAY = timedelta(seconds=4)
"""When to try again after an outage: within ten seconds."""

MAX_CONSECUTIVE_OUTAGES = 5
"""After this many unreachable objects in a row, the rest is left to the next round."""

_BACKOFF_BASE = timedelta(seconds=2)
_BACKOFF_CAP = timedelta(minutes=10)
_RELAY_BACKOFF_CAP = timedelta(minutes=5)
_MAX_DOUBLINGS = 20  # far beyond the caps, and far below what a timedelta holds


def backoff(failures: int, chance: float) -> timedelta:
    """Return how long to wait after the *failures*-th failure.

    The time grows exponentially, with full jitter. `chance` is a number from 0 to 1 drawn by the caller.
    Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    ceiling = min(_BACKOFF_BASE * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), _BACKOFF_CAP)
    return max(_BACKOFF_BASE / 2, chance * ceiling)


def relay_backoff(failures: int) -> timedelta:
    """Return how long a subscriber leaves an event alone after failing.

    The time doubles with each failure.
    """
    return min(UNAVAILABLE_DELAY * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), _RELAY_BACKOFF_CAP)
