from collections.abc import AsyncIterator
from dataclasses import dataclass

from orak.application.ports.upload_histories import UploadHistories
from orak.domain.history import Difference, UploadHistory, differences
from orak.domain.identity import UploadId

_PAGE = 500


@dataclass(frozen=True, slots=True)
class CheckEventLog:
    """Rebuild uploads and Records from events, and compare them with the tables."""

    upload_histories: UploadHistories

    async def histories(self) -> AsyncIterator[UploadHistory]:
        """Iterate over all uploads, ordered by id.

        Raise `Unavailable` if the database cannot be reached.
        """
        last = await self.upload_histories.last_upload()
        for first in range(1, last + 1, _PAGE):
            for history in await self.upload_histories.histories(
                UploadId(first), UploadId(first + _PAGE - 1)
            ):
                yield history

    async def check(self, history: UploadHistory) -> list[Difference]:
        """Return the contradictions in a history.

        The upload may be changing, so only contradictions that a second read confirms count.
        """
        found = differences(history)
        if not found:
            return []
        [now] = await self.upload_histories.histories(history.upload_id, history.upload_id) or [history]
        return [difference for difference in differences(now) if difference in found]
