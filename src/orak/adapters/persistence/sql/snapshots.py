from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import RECORD_COLUMNS, UPLOAD_COLUMNS, to_snapshot
from orak.adapters.persistence.sql.tables import records, uploads
from orak.adapters.persistence.sql.uploads import get_upload, upload_by_key
from orak.application.ports.page import Page
from orak.domain.errors import RecordNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload

SNAPSHOTS = select(*UPLOAD_COLUMNS, *RECORD_COLUMNS).select_from(uploads.join(records))
"""What `to_snapshot` reads."""

_BY_ID = SNAPSHOTS.where(records.c.id == bindparam("id"))
_NEWEST = (
    SNAPSHOTS.where(records.c.user_id == bindparam("owner"))
    .order_by(records.c.created_at.desc(), records.c.id.desc())
    .limit(bindparam("limit"))
)

# The page goes on behind the row that ended the last one. If that is gone meanwhile, the newest of those
# made before it tells when it was made.
_mark = records.alias("mark")
_owned = _mark.c.user_id == bindparam("owner")
_marked = select(_mark.c.created_at).where(_owned, _mark.c.id == bindparam("after")).scalar_subquery()
_before = (
    select(func.max(_mark.c.created_at)).where(_owned, _mark.c.id < bindparam("after")).scalar_subquery()
)
_NEXT = _NEWEST.where(
    tuple_(records.c.created_at, records.c.id) < tuple_(func.coalesce(_marked, _before), bindparam("after"))
)


def get_snapshot(connection: Connection, record_id: RecordId) -> RecordSnapshot:
    """Return a record with its upload. Raise `RecordNotFound`."""
    row = connection.execute(_BY_ID, {"id": record_id}).one_or_none()
    if row is None:
        raise RecordNotFound(record_id)
    return to_snapshot(row)


def list_snapshots(connection: Connection, owner_id: UserId, page: Page) -> list[RecordSnapshot]:
    """Return a page of an owner's, newest first, by one statement."""
    wanted = {"owner": owner_id, "limit": page.limit}
    if page.after is None:
        rows = connection.execute(_NEWEST, wanted)
    else:
        rows = connection.execute(_NEXT, wanted | {"after": page.after})
    return [to_snapshot(row) for row in rows]


class SqlSnapshots:
    """Records with their uploads, as committed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        """Return one. Raise `RecordNotFound`."""
        return await self._connections.read(get_snapshot, record_id)

    async def upload(self, upload_id: UploadId) -> Upload:
        """Return an upload. Raise `UploadNotFound`."""
        return await self._connections.read(get_upload, upload_id)

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose bytes lie under *key*. Raise `UploadNotFound`."""
        return await self._connections.read(upload_by_key, key)

    async def of(self, owner_id: UserId, page: Page) -> list[RecordSnapshot]:
        """Return an owner's, newest first, in one statement."""
        return await self._connections.read(list_snapshots, owner_id, page)
