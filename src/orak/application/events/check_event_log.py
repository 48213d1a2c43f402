from collections.abc import AsyncIterator
from dataclasses import dataclass

from orak.application.ports.upload_histories import UploadHistories
from orak.domain.history import Difference, UploadHistory, differences
from orak.domain.identity import UploadId

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class CheckEventLog:
    """Rebuild every upload and Record from the events alone, and compare with the tables."""

    log: UploadHistories

    async def histories(self) -> AsyncIterator[UploadHistory]:
        """Go through all uploads in the order of their ids. Raise `Unavailable` if the database is away."""
        last = await self.log.last_upload()
        for first in range(1, last + 1, _AT_ONCE):
            for history in await self.log.histories(UploadId(first), UploadId(first + _AT_ONCE - 1)):
                yield history

    async def check(self, history: UploadHistory) -> list[Difference]:
        """Return what does not fit, and stays so: an upload that just changes is read again."""
        found = differences(history)
        if not found:
            return []
        [now] = await self.log.histories(history.upload_id, history.upload_id) or [history]
        return [difference for difference in differences(now) if difference in found]
