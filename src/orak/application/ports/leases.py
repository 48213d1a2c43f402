from datetime import datetime
from typing import Protocol

from orak.domain.identity import UploadId
from orak.domain.record import ClaimedUpload
from orak.domain.upload import Upload


class Leases(Protocol):
    """Leases on uploads: the right to convert one until a certain time.

    The attempt's number is the fencing token. Times are those of the `Clock`. Every method may raise
    `Unavailable`.
    """

    async def claim(self, upload_id: UploadId | None = None) -> ClaimedUpload | None:
        """Lease the given upload, or the next in line; return None if nothing is waiting.

        An upload can be claimed if it `is_waiting` and its `not_before` has passed. The claim makes it
        PROCESSING under the next attempt, and writes the event. No two callers claim the same upload.
        """
        ...

    async def extend(self, upload_id: UploadId, attempt: int, progress: int) -> None:
        """Extend a lease from now and store the progress.

        The version does not rise, and no event is written.

        Raises:
            LeaseLost: this attempt no longer holds the upload.
        """
        ...

    async def lost(self, limit: int) -> list[Upload]:
        """Return uploads whose lease has run out, longest ago first."""
        ...

    async def next_start(self) -> datetime | None:
        """Return when the next waiting upload may start; None if none waits.

        The time may be past.
        """
        ...
