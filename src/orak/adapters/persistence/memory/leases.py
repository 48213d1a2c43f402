from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import Store
from orak.application.ports.clock import Clock
from orak.domain.errors import LeaseLost
from orak.domain.identity import UploadId
from orak.domain.processing import ProcessingStatus
from orak.domain.record import ClaimedUpload, RecordSnapshot
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class MemoryLeases:
    """The port `Leases` in memory."""

    store: Store
    clock: Clock
    lease: timedelta

    async def claim(self, upload_id: UploadId | None = None) -> ClaimedUpload | None:
        now = self.clock.now()
        async with self.store.writing() as state:
            for _, upload in state.in_line():
                ready = upload.is_waiting and (upload.not_before is None or upload.not_before <= now)
                if ready and upload_id in {None, upload.id}:
                    started = state.save_upload(*upload.start(at=now, lease_until=now + self.lease))
                    waiting = RecordSnapshot(state.records[state.record_of[upload.id]], upload)
                    return waiting.claimed(started, at=now)
        return None

    async def extend(self, upload_id: UploadId, attempt: int, progress: int) -> None:
        async with self.store.writing() as state:
            stored = state.uploads.get(upload_id)
            if (
                stored is None
                or stored.upload.status is not ProcessingStatus.PROCESSING
                or stored.upload.attempt != attempt
            ):
                raise LeaseLost
            upload, now = stored.upload, self.clock.now()
            changed_at = upload.changed_at if upload.progress == progress else now
            held = replace(upload, lease_until=now + self.lease, progress=progress, changed_at=changed_at)
            state.uploads[upload_id] = replace(stored, upload=held)

    async def lost(self, limit: int) -> list[Upload]:
        now = self.clock.now()
        lost = [
            (upload.lease_until, upload.id, upload)
            for upload in self.store.committed.all_uploads()
            if upload.lease_until is not None and upload.lease_until <= now
        ]
        return [upload for *_, upload in sorted(lost)[:limit]]

    async def next_start(self) -> datetime | None:
        now = self.clock.now()
        return min((upload.not_before or now for _, upload in self.store.committed.in_line()), default=None)
