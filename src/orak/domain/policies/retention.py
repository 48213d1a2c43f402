"""How long orak keeps what no Record refers to."""

from datetime import timedelta

ORPHAN_AGE = timedelta(minutes=10)
"""An upload that arrived and has no Record this long after its request is listed as an orphan."""

TOMBSTONE_AGE = timedelta(days=8)
"""How long a row outlives its upload: longer than the latest possible PUT.

A SigV4 URL is valid for seven days at most (AWS docs).
"""
