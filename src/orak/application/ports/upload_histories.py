from datetime import datetime
from typing import Protocol

from orak.domain.history import UploadHistory
from orak.domain.identity import UploadId


class UploadHistories(Protocol):
    """Every event by its upload, numbered or not. Every method may raise `Unavailable`."""

    async def last_upload(self) -> UploadId:
        """Return the highest id that rows or events know; 0 if there is none."""
        ...

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        """Return what is known of uploads by their ids, both included.

        Rows are read before events: of an upload that changes meanwhile the events may say more.
        """
        ...

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        """Remove events of these positions that are older than that; return how many.

        The newest of an upload stays as long as its row does, and so does whatever a reader set aside.
        """
        ...
