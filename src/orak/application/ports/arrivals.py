from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from orak.domain.identity import UploadId
from orak.domain.upload import Upload


class Arrivals(Protocol):
    """Uploads that change by time alone: late ones, orphans, tombstones.

    Every method may raise `Unavailable`.
    """

    async def due(self, limit: int) -> list[Upload]:
        """Return uploads whose next look for bytes is due, longest overdue first."""
        ...

    async def postpone(self, looks: Mapping[UploadId, datetime]) -> None:
        """Set the next look for each upload that still awaits bytes.

        The version does not rise, and no event is written.
        """
        ...

    async def known(self, uuids: Collection[str]) -> list[Upload]:
        """Return the uploads with these uuids (at most 500), tombstones too, in any order."""
        ...

    async def orphans(self, created_before: datetime, limit: int) -> list[Upload]:
        """Return uploads in `recordings` that arrived and have no Record, oldest first.

        Only uploads requested before *created_before* count, and of adopted ones only those whose
        `not_before` is before it too.
        """
        ...

    async def tombstones(self, before: datetime, limit: int) -> list[Upload]:
        """Return uploads without a Record that ended before *before*."""
        ...
