"""Times as orak shows them to others."""

from datetime import datetime
from typing import NewType

WholeSeconds = NewType("WholeSeconds", datetime)
"""A time without fractions of a second, which strict ISO 8601 parsers refuse."""


def whole_seconds(at: datetime) -> WholeSeconds:
    """Return a time as answers and events show it. The databases keep its microseconds and order by them."""
    return WholeSeconds(at.replace(microsecond=0))
