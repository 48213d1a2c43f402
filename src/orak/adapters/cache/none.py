from datetime import datetime

from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot


class NoCache:
    """A `SnapshotCache` that keeps nothing.

    It is for several processes without Redis: they cannot invalidate each other's snapshots.
    """

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return None."""

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Do nothing."""

    async def invalidate(self, record_id: RecordId) -> None:
        """Do nothing."""
