from collections.abc import Collection
from typing import Protocol

ALL = "*"
"""At the end of a key: every object whose key begins with what stands before it."""


class CdnCache(Protocol):
    """The copies of published objects that a CDN keeps near its clients."""

    async def invalidate(self, keys: Collection[str], reference: str) -> None:
        """Make the CDN drop its copies of the objects with these *keys*.

        A key may end in `ALL`. The CDN has accepted all of it on return, and drops the copies within
        minutes. It fetches an object again that still exists, so delete the object first. A call with
        the *reference* and the keys of an earlier one repeats that one, and may do nothing.

        Raise `Unavailable` if the CDN does not accept all of it; it may then have accepted a part.
        """
        ...
