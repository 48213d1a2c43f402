from datetime import datetime, timedelta
from typing import Protocol

from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

LIFE = timedelta(seconds=5)
"""How long a snapshot may be served after it was read from the database."""

INVALIDATED_FOR = timedelta(seconds=60)
"""How long the cache refuses snapshots of an invalidated record.

It is longer than `LIFE` and the longest transaction together.
"""


class SnapshotCache(Protocol):
    """Snapshots of COMPLETED records, close to the process that serves them.

    Only a call of its owner changes a completed record. That call invalidates the snapshot before its
    transaction begins, so that a reader keeps only snapshots read after the commit. It does so again
    afterwards, in case the cache lost the first invalidation. No method raises: during an outage the cache is
    empty.
    """

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return a snapshot read less than `LIFE` ago, or None."""
        ...

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *snapshot*; *read_at* is when the database was asked for it.

        Do nothing if its record is invalidated, if it is older than `LIFE`, or if a newer version is kept.
        """
        ...

    async def invalidate(self, record_id: RecordId) -> None:
        """Drop the snapshot of a record, and keep none for `INVALIDATED_FOR`."""
        ...


def version_of(snapshot: RecordSnapshot) -> tuple[int, int, int]:
    """Return a sort key for the snapshots of one record.

    Every visible change raises it.
    """
    return snapshot.record.version, snapshot.upload.version, snapshot.upload.progress
