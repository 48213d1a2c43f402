from typing import Protocol

from orak.domain.identity import UploadId


class Started(Protocol):
    """A conversion that may be under way."""

    async def wait(self, seconds: float) -> None:
        """Return when it has ended, after *seconds*, or at shutdown, whichever is first.

        Being cancelled stops the waiting, never the conversion. How it ended is the row's to say.
        """
        ...


class Starter(Protocol):
    """Begins conversions."""

    async def start(self, upload_id: UploadId) -> Started:
        """Convert now if a slot is free, else wake a worker; return at once either way, and never raise."""
        ...
