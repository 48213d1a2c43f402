from datetime import datetime

from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot


class NoCache:
    """A `SnapshotCache` that keeps nothing: for processes that cannot tell each other what they changed."""

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Know nothing."""

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep nothing."""

    async def invalidate(self, record_id: RecordId) -> None:
        """Have nothing to forget."""
