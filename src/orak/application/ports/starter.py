from typing import Protocol

from orak.domain.identity import UploadId


class Started(Protocol):
    """A conversion that may run in this process."""

    @property
    def runs_here(self) -> bool:
        """Whether it runs in this process, so that its result may soon be in the row."""
        ...

    @property
    def found_no_slot(self) -> bool:
        """Whether it would run here, had a slot been free. Without any slots, none was looked for."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when the conversion ends, after *seconds*, or at shutdown.

        Return at once if it does not run in this process. Cancelling the wait never cancels the conversion.
        Its result is in the row.
        """
        ...


class Starter(Protocol):
    """Starts conversions on request."""

    async def start(self, upload_id: UploadId) -> Started:
        """Convert now if a slot is free, else wake a worker.

        Return at once either way, and never raise.
        """
        ...
