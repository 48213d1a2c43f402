from datetime import datetime

from orak.application.ports.clock import Clock
from orak.application.ports.snapshot_cache import INVALIDATED_FOR, LIFE, version_of
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_MAX_ENTRIES = 10_000


class MemoryCache:
    """A `SnapshotCache` in one process, for a database that no other process changes."""

    def __init__(self, clock: Clock, *, max_entries: int = _MAX_ENTRIES) -> None:
        """Keep up to *max_entries* snapshots; beyond that, drop the oldest entry."""
        self._clock = clock
        self._max_entries = max_entries
        self._entries: dict[RecordId, tuple[RecordSnapshot, datetime]] = {}
        self._invalid_until: dict[RecordId, datetime] = {}

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return a snapshot read less than `LIFE` ago, or None."""
        snapshot, read_at = self._entries.get(record_id, (None, None))
        if read_at is None or self._clock.now() - read_at >= LIFE:
            self._entries.pop(record_id, None)
            return None
        return snapshot

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *snapshot*, unless it is invalidated, too old or not the newest."""
        record_id, now = snapshot.record.id, self._clock.now()
        if now < self._invalid_until.get(record_id, now) or now - read_at >= LIFE:
            return
        kept = self._entries.pop(record_id, None)
        newer = kept is not None and version_of(kept[0]) > version_of(snapshot)
        self._entries[record_id] = kept if kept is not None and newer else (snapshot, read_at)
        if len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]

    async def invalidate(self, record_id: RecordId) -> None:
        """Drop the snapshot of a record, and keep none for `INVALIDATED_FOR`."""
        now = self._clock.now()
        for passed in [invalid for invalid, until in self._invalid_until.items() if until <= now]:
            del self._invalid_until[passed]
        self._invalid_until[record_id] = now + INVALIDATED_FOR
        self._entries.pop(record_id, None)
