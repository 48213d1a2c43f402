from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from orak.adapters.persistence.memory.store import Store
from orak.application.ports.page import Page
from orak.application.ports.reports import Counts, DeadLetter
from orak.domain.events import FAILURE_EVENTS, QUEUEING_EVENTS, EventType
from orak.domain.identity import MAX_ID, RECORDINGS, UploadId
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class MemoryReports:
    """The port `Reports` in memory."""

    store: Store

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        state = self.store.committed
        uploads = state.all_uploads()
        by_status = Counter(upload.status for upload in uploads)
        line = [upload for _, upload in state.in_line()]
        ready = [upload for upload in line if upload.not_before is None or upload.not_before <= at]
        return Counts(
            active=sum(upload.lease_until is not None and upload.lease_until > at for upload in uploads),
            waiting=len(line),
            waiting_users=len({upload.owner_id for upload in line}),
            processing=by_status[ProcessingStatus.PROCESSING],
            failed=by_status[ProcessingStatus.FAILED],
            dead_letters=sum(upload.retry_obstacle() is None for upload in uploads),
            orphans=sum(_is_orphan(upload, orphaned_before) for upload in uploads),
            in_line_since=self._last(QUEUEING_EVENTS, ready[0].id) if ready else None,
        )

    async def count_completed(self) -> int:
        uploads = self.store.committed.all_uploads()
        return sum(upload.status is ProcessingStatus.COMPLETED for upload in uploads)

    async def failures(self, page: Page) -> list[DeadLetter]:
        uploads = self.store.committed.all_uploads()
        failed = [upload for upload in uploads if upload.status is ProcessingStatus.FAILED]
        return [DeadLetter(upload, self._last(FAILURE_EVENTS, upload.id)) for upload in _newest(failed, page)]

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        uploads = self.store.committed.all_uploads()
        return _newest([upload for upload in uploads if _is_orphan(upload, created_before)], page)

    def _last(self, types: frozenset[EventType], upload_id: UploadId) -> datetime:
        newest = reversed(self.store.log.events.values())
        events = (new.event for new in newest if new.upload_id == upload_id)
        return next(event.at for event in events if event.type in types)


def _is_orphan(upload: Upload, created_before: datetime) -> bool:
    return (
        upload.status is ProcessingStatus.UPLOADED
        and upload.record_id is None
        and upload.directory == RECORDINGS
        and upload.created_at < created_before
    )


def _newest(uploads: list[Upload], page: Page) -> list[Upload]:
    after = MAX_ID if page.after is None else page.after
    return [upload for upload in reversed(uploads) if upload.id < after][: page.limit]
