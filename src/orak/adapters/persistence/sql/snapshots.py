from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.groups import Groups
from orak.adapters.persistence.sql.rows import (
    RECORD_COLUMNS,
    UPLOAD_COLUMNS,
    to_snapshot,
    to_upload,
)
from orak.adapters.persistence.sql.shown_records import ShownRecords
from orak.adapters.persistence.sql.statements import Statement, is_one_of
from orak.adapters.persistence.sql.tables import records, uploads
from orak.adapters.persistence.sql.uploads import BY_IDS, BY_KEY, found_by_key
from orak.application.ports.page import Page
from orak.application.ports.traces import Traces
from orak.domain.errors import RecordNotFound, UploadNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import RecordSnapshot, ShownRecord
from orak.domain.upload import Upload

SNAPSHOTS = select(*UPLOAD_COLUMNS, *RECORD_COLUMNS).select_from(uploads.join(records))
"""Rows for `to_snapshot`."""

_RECORDS_BY_IDS = Statement(SNAPSHOTS.where(is_one_of(records.c.id, "ids")))
_READS = 2
"""Groups of one kind that are read at the same time, so that one slow answer does not hold up all."""

_COUNT = Statement(select(func.count()).select_from(records).where(records.c.user_id == bindparam("owner")))


class SqlSnapshots:
    """The port `Snapshots` on SQL.

    Concurrent calls for one record or one upload are answered in groups, each by one statement.
    """

    def __init__(self, connections: Connections, traces: Traces | None = None) -> None:
        self._connections = connections
        self._shown = ShownRecords(connections)
        most = connections.read_group
        self._records: Groups[RecordId, RecordSnapshot] = Groups(
            self._find_records, at_once=_READS, most=most, traces=traces, name="read record"
        )
        self._uploads: Groups[UploadId, Upload] = Groups(
            self._find_uploads, at_once=_READS, most=most, traces=traces, name="read upload"
        )

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        return await self._records.ask(record_id)

    async def upload(self, upload_id: UploadId) -> Upload:
        return await self._uploads.ask(upload_id)

    async def close(self) -> None:
        """Refuse further calls for one record or upload, and answer those that wait."""
        await self._records.close()
        await self._uploads.close()

    async def _find_records(self, ids: Sequence[RecordId]) -> Sequence[RecordSnapshot | RecordNotFound]:
        snapshots = map(to_snapshot, await self._connections.fetch(_RECORDS_BY_IDS, {"ids": ids}))
        found = {snapshot.record.id: snapshot for snapshot in snapshots}
        return [found.get(record_id) or RecordNotFound(record_id) for record_id in ids]

    async def _find_uploads(self, ids: Sequence[UploadId]) -> Sequence[Upload | UploadNotFound]:
        uploads = map(to_upload, await self._connections.fetch(BY_IDS, {"ids": ids}))
        found = {upload.id: upload for upload in uploads}
        return [found.get(upload_id) or UploadNotFound(upload_id) for upload_id in ids]

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        return found_by_key(await self._connections.fetch(BY_KEY, {"key": key}))

    async def count(self, owner_id: UserId) -> int:
        ((count,),) = await self._connections.fetch(_COUNT, {"owner": owner_id})
        return int(count)

    async def of(self, owner_id: UserId, page: Page) -> list[ShownRecord]:
        return await self._shown.page(owner_id, page)
