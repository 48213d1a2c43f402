"""What is noted of an attempt while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class ConversionNotes:
    """What the log says of one attempt: how long its parts took, and why it was put back in line."""

    __slots__ = ("_began", "_milliseconds", "reason")

    def __init__(self) -> None:
        self._began = perf_counter()
        self._milliseconds: dict[str, int] = {}
        self.reason: str | None = None

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how long the block takes, as `<part>Ms`; a block that fails counts too."""
        began = perf_counter()
        try:
            yield
        finally:
            self._milliseconds[f"{part}Ms"] = _milliseconds_since(began)

    def times(self) -> dict[str, int]:
        """Return the times of the parts, and of the whole attempt until now, in milliseconds."""
        return {**self._milliseconds, "durationMs": _milliseconds_since(self._began)}


def _milliseconds_since(began: float) -> int:
    return round(1000 * (perf_counter() - began))
