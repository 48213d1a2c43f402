from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from orak.adapters.persistence.memory.store import Store
from orak.domain.history import UploadHistory, VersionedEvent
from orak.domain.identity import UploadId


@dataclass(frozen=True, slots=True)
class MemoryUploadHistories:
    """The port `UploadHistories` in memory."""

    store: Store

    async def last_upload(self) -> UploadId:
        return max((new.upload_id for new in self.store.log.events.values()), default=UploadId(0))

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        events: dict[UploadId, list[VersionedEvent]] = defaultdict(list)
        for new in self.store.log.events.values():
            if first <= new.upload_id <= last:
                events[new.upload_id].append(VersionedEvent(new.version, new.event))
        state = self.store.committed
        rows = {of: state.upload(of) for of in state.uploads if first <= of <= last}
        return [UploadHistory(of, events[of], rows.get(of)) for of in sorted({*events, *rows})]

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        log, uploads = self.store.log, self.store.committed.uploads
        newest = {new.upload_id: position for position, new in log.events.items()}
        aside = {position for _, position in log.deferred}
        old = [
            position
            for position, new in log.events.items()
            if after < position <= up_to
            and new.event.at < before
            and position not in aside
            and (position != newest[new.upload_id] or new.upload_id not in uploads)
        ]
        for position in old:
            del log.events[position]
        return len(old)
