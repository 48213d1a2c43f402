from datetime import datetime

from orak.application.ports.clock import Clock
from orak.application.ports.snapshot_cache import INVALIDATED_FOR, LIFE, version_of
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_MOST = 10_000


class MemoryCache:
    """A `SnapshotCache` for a database that only one process changes."""

    def __init__(self, clock: Clock, *, most: int = _MOST) -> None:
        """Keep up to *most* recordings; beyond that the one kept longest goes."""
        self._clock = clock
        self._most = most
        self._kept: dict[RecordId, tuple[RecordSnapshot, datetime]] = {}
        self._withheld: dict[RecordId, datetime] = {}

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return the recording as it was at most `LIFE` ago; None if that is not known."""
        snapshot, read_at = self._kept.get(record_id, (None, None))
        if read_at is None or self._clock.now() - read_at >= LIFE:
            self._kept.pop(record_id, None)
            return None
        return snapshot

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *recording* unless it is withheld, old, or older than what is kept."""
        record_id, now = snapshot.record.id, self._clock.now()
        if now < self._withheld.get(record_id, now) or now - read_at >= LIFE:
            return
        kept = self._kept.pop(record_id, None)
        newer = kept is not None and version_of(kept[0]) > version_of(snapshot)
        self._kept[record_id] = kept if kept is not None and newer else (snapshot, read_at)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    async def invalidate(self, record_id: RecordId) -> None:
        """Forget the recording, and keep none for the time of `INVALIDATED_FOR`."""
        now = self._clock.now()
        for passed in [held for held, until in self._withheld.items() if until <= now]:
            del self._withheld[passed]
        self._withheld[record_id] = now + INVALIDATED_FOR
        self._kept.pop(record_id, None)
