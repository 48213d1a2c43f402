from collections import Counter
from datetime import datetime

from orak.adapters.persistence.memory.store import Store
from orak.application.ports.operations import Counts
from orak.application.ports.persistence import Page
from orak.domain.identity import MAX_ID
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload


class MemoryOperations:
    """What operators look at and set."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count where uploads stand."""
        state = self._store.committed
        uploads = state.all_uploads()
        by_status = Counter(upload.status for upload in uploads)
        line = [upload for _, upload in state.in_line()]
        return Counts(
            active=sum(upload.lease_until is not None and upload.lease_until > at for upload in uploads),
            waiting=len(line),
            processing=by_status[ProcessingStatus.PROCESSING],
            failed=by_status[ProcessingStatus.FAILED],
            completed=by_status[ProcessingStatus.COMPLETED],
            orphans=sum(_is_unnamed(upload) and upload.created_at < orphaned_before for upload in uploads),
            oldest_waiting=min((upload.created_at for upload in line), default=None),
        )

    async def failures(self, page: Page) -> list[Upload]:
        """Return FAILED uploads, the newest first."""
        uploads = self._store.committed.all_uploads()
        return _newest([upload for upload in uploads if upload.status is ProcessingStatus.FAILED], page)

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads that arrived and have no Record, the newest first."""
        uploads = self._store.committed.all_uploads()
        orphans = [upload for upload in uploads if _is_unnamed(upload) and upload.created_at < created_before]
        return _newest(orphans, page)

    async def batch_size(self) -> int | None:
        """Return what was last set; None if it never was."""
        return self._store.batch_size

    async def set_batch_size(self, size: int) -> None:
        """Set it."""
        self._store.batch_size = size


def _is_unnamed(upload: Upload) -> bool:
    return upload.status is ProcessingStatus.UPLOADED and upload.record_id is None


def _newest(uploads: list[Upload], page: Page) -> list[Upload]:
    after = MAX_ID if page.after is None else page.after
    return [upload for upload in reversed(uploads) if upload.id < after][: page.limit]
