from typing import Protocol

from orak.application.ports.page import Page
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import RecordSnapshot, ShownRecord
from orak.domain.upload import Upload


class Snapshots(Protocol):
    """Records read with their uploads, outside any transaction.

    Every method may raise `Unavailable`.
    """

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        """Return one snapshot. Raise `RecordNotFound`."""
        ...

    async def upload(self, upload_id: UploadId) -> Upload:
        """Return an upload, with a Record or without, tombstones too.

        Raise `UploadNotFound`.
        """
        ...

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose original object has this *key*. Raise `UploadNotFound`."""
        ...

    async def count(self, owner_id: UserId) -> int:
        """Return how many records an owner has."""
        ...

    async def of(self, owner_id: UserId, page: Page) -> list[ShownRecord]:
        """Return an owner's records, newest first (created_at, then id), in one statement.

        `page.after` may be the id of a deleted record: the page then begins where the order by id puts it.
        """
        ...
