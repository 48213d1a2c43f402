from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from orak.domain.identity import UploadId
from orak.domain.upload import Upload


class Arrivals(Protocol):
    """Uploads that time alone may move: late, forgotten, tombstones. Every method may raise `Unavailable`."""

    async def due(self, limit: int) -> list[Upload]:
        """Return uploads that await their bytes and whose next look has come, the longest overdue first."""
        ...

    async def postpone(self, looks: Mapping[UploadId, datetime]) -> None:
        """Put off the next look for each that still awaits its bytes; no version rises, no event."""
        ...

    async def known(self, uuids: Collection[str]) -> list[Upload]:
        """Return the uploads that have one of these (at most 500) uuids, tombstones too, in any order."""
        ...

    async def orphans(self, created_before: datetime, limit: int) -> list[Upload]:
        """Return uploads that arrived and have no Record, oldest first."""
        ...

    async def tombstones(self, before: datetime, limit: int) -> list[Upload]:
        """Return DELETED, CANCELLED, EXPIRED or FAILED uploads, without a Record, that ended before then."""
        ...
