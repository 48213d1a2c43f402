"""How long orak waits for the bytes of an upload, and how often it looks for them."""

from datetime import timedelta

URL_GRACE = timedelta(hours=1)
"""How long after its URL expired an upload may still arrive: stores check a signature when a PUT starts."""

FIRST_CHECK_DELAY = timedelta(minutes=1)
"""When the sweep first looks for the bytes of an upload; creating its Record makes the look due at once."""


def patience(age: timedelta, *, expected: bool) -> timedelta:
    """Return how long to wait before the next look for missing bytes.

    The wait equals the age, so looks grow rarer: at least 2 s, at most 10 min. While the bytes are *expected*
    (a Record waits and the URL may still bring them) it is at most 30 s.
    """
    longest = timedelta(seconds=30) if expected else timedelta(minutes=10)
    return min(max(age, timedelta(seconds=2)), longest)
