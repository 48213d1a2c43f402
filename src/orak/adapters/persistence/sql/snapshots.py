from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read
from orak.adapters.persistence.sql.rows import RECORD_COLUMNS, UPLOAD_COLUMNS, to_snapshot
from orak.adapters.persistence.sql.tables import records, uploads
from orak.adapters.persistence.sql.uploads import get_upload, get_upload_by_key
from orak.application.ports.page import Page
from orak.domain.errors import RecordNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload

SNAPSHOTS = select(*UPLOAD_COLUMNS, *RECORD_COLUMNS).select_from(uploads.join(records))
"""Rows for `to_snapshot`."""

_BY_ID = SNAPSHOTS.where(records.c.id == bindparam("id"))
_COUNT = select(func.count()).select_from(records).where(records.c.user_id == bindparam("owner"))
_NEWEST = (
    SNAPSHOTS.where(records.c.user_id == bindparam("owner"))
    .order_by(records.c.created_at.desc(), records.c.id.desc())
    .limit(bindparam("limit"))
)

# A page starts behind the row that ended the page before. If that row was deleted meanwhile, the newest row
# with a lower id stands in for its creation time.
_mark = records.alias("mark")
_owned = _mark.c.user_id == bindparam("owner")
_marked = select(_mark.c.created_at).where(_owned, _mark.c.id == bindparam("after")).scalar_subquery()
_before = (
    select(func.max(_mark.c.created_at)).where(_owned, _mark.c.id < bindparam("after")).scalar_subquery()
)
_NEXT = _NEWEST.where(
    tuple_(records.c.created_at, records.c.id) < tuple_(func.coalesce(_marked, _before), bindparam("after"))
)


@dataclass(frozen=True, slots=True)
class SqlSnapshots:
    """The port `Snapshots` on SQL."""

    connections: Connections

    @read
    def get(self, connection: Connection, record_id: RecordId) -> RecordSnapshot:
        row = connection.execute(_BY_ID, {"id": record_id}).one_or_none()
        if row is None:
            raise RecordNotFound(record_id)
        return to_snapshot(row)

    @read
    def upload(self, connection: Connection, upload_id: UploadId) -> Upload:
        return get_upload(connection, upload_id)

    @read
    def upload_by_key(self, connection: Connection, key: ObjectKey) -> Upload:
        return get_upload_by_key(connection, key)

    @read
    def count(self, connection: Connection, owner_id: UserId) -> int:
        return connection.execute(_COUNT, {"owner": owner_id}).scalar_one()

    @read
    def of(self, connection: Connection, owner_id: UserId, page: Page) -> list[RecordSnapshot]:
        wanted = {"owner": owner_id, "limit": page.limit}
        if page.after is None:
            rows = connection.execute(_NEWEST, wanted)
        else:
            rows = connection.execute(_NEXT, wanted | {"after": page.after})
        return [to_snapshot(row) for row in rows]
