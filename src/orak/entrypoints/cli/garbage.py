"""Garbage collection around the start of a long-running command."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection_at_start() -> Iterator[None]:
    """Collect no garbage until `started` is called, or the block ends.

    What a start imports stays for good. Searching it for garbage again and again takes a tenth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def started() -> None:
    """Collect garbage from now on, but never look at what the start has made."""
    gc.freeze()
    gc.enable()
