from datetime import datetime, timedelta
from typing import Protocol

from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

LIFE = timedelta(seconds=5)
"""How long a recording is kept at most, from when it was read."""

INVALIDATED_FOR = timedelta(seconds=60)
"""How long nothing is kept of one that changes: longer than `LIFE` and the longest transaction together."""


class SnapshotCache(Protocol):
    """Finished recordings, near whoever shows them. No method raises: a cache that is away knows nothing.

    Only COMPLETED ones are kept, because nothing but a call of their owner's changes them any more. Whoever
    changes one withholds it before the transaction begins, so that what a reader then keeps, however late,
    was read after the commit; and once more after it, in case the cache forgot.
    """

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return the recording as it was at most `LIFE` ago; None if that is not known."""
        ...

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *recording*, which was asked of the database at *read_at*.

        Nothing happens if a newer version is kept, if it is withheld, or if it is older than `LIFE`.
        """
        ...

    async def invalidate(self, record_id: RecordId) -> None:
        """Forget the recording, and keep none for the time of `INVALIDATED_FOR`."""
        ...


def version_of(snapshot: RecordSnapshot) -> tuple[int, int, int]:
    """Order the states of one recording: whatever is shown of it raises one of these."""
    return snapshot.record.version, snapshot.upload.version, snapshot.upload.progress
