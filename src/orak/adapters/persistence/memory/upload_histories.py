from collections import defaultdict
from datetime import datetime

from orak.adapters.persistence.memory.store import NewEvent, Store
from orak.domain.history import UploadHistory, VersionedEvent
from orak.domain.identity import UploadId


class MemoryUploadHistories:
    """Every event by its upload, numbered or not."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last_upload(self) -> UploadId:
        """Return the highest id that rows or events know; 0 if there is none."""
        return max((new.upload_id for new in self._logged().values()), default=UploadId(0))

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        """Return what is known of uploads by their ids, both included."""
        events: dict[UploadId, list[VersionedEvent]] = defaultdict(list)
        for new in self._logged().values():
            if first <= new.upload_id <= last:
                events[new.upload_id].append(VersionedEvent(new.version, new.event))
        state = self._store.committed
        rows = {of: state.upload(of) for of in state.uploads if first <= of <= last}
        return [UploadHistory(of, events[of], rows.get(of)) for of in sorted({*events, *rows})]

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        """Remove events of these positions that are older than that; return how many."""
        log, uploads = self._store.log, self._store.committed.uploads
        newest = {new.upload_id: place for place, new in self._logged().items()}
        aside = {position for _, position in log.deferred}
        old = {
            place
            for place, new in self._logged().items()
            if after < place <= up_to
            and new.event.at < before
            and place not in aside
            and (place != newest[new.upload_id] or new.upload_id not in uploads)
        }
        log.forgotten |= old
        return len(old)

    def _logged(self) -> dict[int, NewEvent]:
        log = self._store.log
        return {place: new for place, new in enumerate(log.events, start=1) if place not in log.forgotten}
