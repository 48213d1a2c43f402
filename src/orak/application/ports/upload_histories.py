from datetime import datetime
from typing import Protocol

from orak.domain.history import UploadHistory
from orak.domain.identity import UploadId


class UploadHistories(Protocol):
    """The events of each upload, numbered or not.

    Every method may raise `Unavailable`.
    """

    async def last_upload(self) -> UploadId:
        """Return the highest upload id of any row or event; 0 if there is none."""
        ...

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        """Return the histories of the uploads from *first* to *last*, both included.

        Rows are read before events, so an upload that changes meanwhile may have events newer than its row.
        """
        ...

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        """Remove old events between two positions; return how many.

        Only events that happened before *before* are removed. The newest event of an upload stays as long as
        its row, and so does an event that a subscriber set aside.
        """
        ...
