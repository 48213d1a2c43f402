"""How often and when orak tries again."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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


_LONGEST_WAIT = timedelta(hours=1)
"""How long a receiver may ask to be left alone."""


def backoff(failures: int, chance: float) -> timedelta:
    """Return how long to wait after the *failures*-th failure.

    The time grows exponentially, with full jitter. `chance` is a number from 0 to 1 drawn by the caller.
    Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    ceiling = min(_BACKOFF_BASE * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), _BACKOFF_CAP)
    return max(_BACKOFF_BASE / 2, chance * ceiling)


def requested_wait(retry_after: str | None, at: datetime) -> timedelta:
    """Return how long a receiver asks to be left alone, at most an hour; zero if it does not say.

    *retry_after* is its header (RFC 9110 §10.2.3): seconds, or a date.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=min(int(text[:12]), 10**6)), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return min(max(until - at, timedelta(0)), _LONGEST_WAIT)


def relay_backoff(failures: int) -> timedelta:
    """Return how long a subscriber leaves an event alone after failing.

    The time doubles with each failure.
    """
    return min(UNAVAILABLE_DELAY * 2.0 ** min(failures - 1, _MAX_DOUBLINGS), _RELAY_BACKOFF_CAP)
