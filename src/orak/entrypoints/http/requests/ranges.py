"""The `Range` header (RFC 9110 §14), as far as a player needs it: one range of bytes."""

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,999})-([0-9]{0,999})[ \t]*", re.IGNORECASE | re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Unsatisfiable(Exception):
    """The range lies outside of the object."""


def requested_range(header: str | None, size: int) -> ByteRange | None:
    """Return the part of *size* bytes that is asked for, or None for the whole.

    Several ranges, another unit, and what cannot be read are answered whole, which RFC 9110 §14.2 permits.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size  # the last so many bytes
    else:
        start = int(match[1])
        if match[2] and int(match[2]) < start:
            return None
        stop = min(int(match[2]) + 1, size) if match[2] else size
    if start >= stop:
        raise Unsatisfiable
    return ByteRange(start, stop)
