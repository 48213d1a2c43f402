from datetime import datetime
from typing import Protocol

from orak.domain.identity import UploadId
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload


class Leases(Protocol):
    """Who may work on which upload, until when. The attempt's number is the fencing token.

    Time is the Clock's, which is the database's wherever several machines share one. Every method may raise
    `Unavailable`.
    """

    async def claim(self, upload_id: UploadId | None = None) -> RecordSnapshot | None:
        """Lease the given upload, or the one whose turn it is; None if there is none to be had.

        To be had is an upload that `is_waiting` and whose `not_before` has come. It comes back PROCESSING,
        its attempt risen by one, with its event written. No two callers get the same.
        """
        ...

    async def extend(self, upload_id: UploadId, attempt: int, progress: int) -> None:
        """Hold on to a lease from now, and note the progress; no version rises and no event is written.

        Raises:
            LeaseLost: another attempt, or nobody, has the upload by now.
        """
        ...

    async def lost(self, limit: int) -> list[Upload]:
        """Return uploads whose lease ran out, longest ago first."""
        ...

    async def next_start(self) -> datetime | None:
        """Return when the next waiting upload may start (now or earlier if one may already), or None."""
        ...
