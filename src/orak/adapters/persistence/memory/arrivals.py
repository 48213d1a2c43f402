from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import Store
from orak.application.ports.clock import Clock
from orak.domain.identity import RECORDINGS, UploadId
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MemoryArrivals:
    """The port `Arrivals` in memory."""

    store: Store
    clock: Clock

    async def due(self, limit: int) -> list[Upload]:
        now = self.clock.now()
        looks = (
            (upload.not_before or _AT_ONCE, upload)
            for upload in self.store.committed.all_uploads()
            if upload.awaits_arrival
        )
        return _oldest((look for look in looks if look[0] <= now), limit)

    async def postpone(self, looks: Mapping[UploadId, datetime]) -> None:
        async with self.store.writing() as state:
            for upload_id, until in looks.items():
                if upload_id in state.uploads and state.upload(upload_id).awaits_arrival:
                    row = state.uploads[upload_id]
                    state.uploads[upload_id] = replace(row, upload=replace(row.upload, not_before=until))

    async def known(self, uuids: Collection[str]) -> list[Upload]:
        return [upload for upload in self.store.committed.all_uploads() if upload.uuid in uuids]

    async def orphans(self, created_before: datetime, limit: int) -> list[Upload]:
        orphans = (
            (upload.created_at, upload)
            for upload in self.store.committed.all_uploads()
            if upload.status is ProcessingStatus.UPLOADED
            and upload.record_id is None
            and upload.directory == RECORDINGS
            and (upload.not_before or _AT_ONCE) < created_before
        )
        return _oldest((orphan for orphan in orphans if orphan[0] < created_before), limit)

    async def tombstones(self, before: datetime, limit: int) -> list[Upload]:
        ended = (
            (upload.changed_at or upload.created_at, upload)
            for upload in self.store.committed.all_uploads()
            if upload.is_over
        )
        return _oldest((end for end in ended if end[0] < before), limit)


def _oldest(dated: Iterable[tuple[datetime, Upload]], limit: int) -> list[Upload]:
    in_order = sorted(dated, key=lambda pair: (pair[0], pair[1].id))
    return [upload for _, upload in in_order[:limit]]
