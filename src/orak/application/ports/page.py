from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

T = TypeVar("T")


class Page(msgspec.Struct, frozen=True):
    """A part of a list that is ordered newest first."""

    after: int | None = None
    """The id of the last item of the page before; None for the first page."""
    limit: int = 1000

    def and_one_more(self) -> "Page":
        """Return this page with one more item, which shows whether another page follows."""
        return replace(self, limit=self.limit + 1)

    def split(self, found: Sequence[T], id_of: Callable[[T], int]) -> tuple[list[T], "Page | None"]:
        """Return this page's items, and the next page or None.

        *found* is what `and_one_more` found.
        """
        items = list(found[: self.limit])
        return items, Page(after=id_of(items[-1]), limit=self.limit) if len(found) > self.limit else None
