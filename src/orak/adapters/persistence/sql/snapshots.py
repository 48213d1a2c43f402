from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, tuple_

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import (
    RECORD_COLUMNS,
    SHOWN_COLUMNS,
    UPLOAD_COLUMNS,
    to_shown,
    to_snapshot,
)
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import records, uploads
from orak.adapters.persistence.sql.uploads import BY_ID, BY_KEY, found_by_id, found_by_key
from orak.application.ports.page import Page
from orak.domain.errors import RecordNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import RecordSnapshot, ShownRecord
from orak.domain.upload import Upload

SNAPSHOTS = select(*UPLOAD_COLUMNS, *RECORD_COLUMNS).select_from(uploads.join(records))
"""Rows for `to_snapshot`."""

_BY_ID = Statement(SNAPSHOTS.where(records.c.id == bindparam("id")))
_COUNT = Statement(select(func.count()).select_from(records).where(records.c.user_id == bindparam("owner")))
_newest = (
    select(*SHOWN_COLUMNS)
    .select_from(uploads.join(records))
    .where(records.c.user_id == bindparam("owner"))
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
_NEWEST = Statement(_newest)
_NEXT = Statement(
    _newest.where(
        tuple_(records.c.created_at, records.c.id)
        < tuple_(func.coalesce(_marked, _before), bindparam("after"))
    )
)


@dataclass(frozen=True, slots=True)
class SqlSnapshots:
    """The port `Snapshots` on SQL."""

    connections: Connections

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        rows = await self.connections.fetch(_BY_ID, {"id": record_id})
        if not rows:
            raise RecordNotFound(record_id)
        return to_snapshot(rows[0])

    async def upload(self, upload_id: UploadId) -> Upload:
        return found_by_id(await self.connections.fetch(BY_ID, {"id": upload_id}), upload_id)

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        return found_by_key(await self.connections.fetch(BY_KEY, {"key": key}))

    async def count(self, owner_id: UserId) -> int:
        ((count,),) = await self.connections.fetch(_COUNT, {"owner": owner_id})
        return int(count)

    async def of(self, owner_id: UserId, page: Page) -> list[ShownRecord]:
        wanted: dict[str, object] = {"owner": owner_id, "limit": page.limit}
        if page.after is None:
            rows = await self.connections.fetch(_NEWEST, wanted)
        else:
            rows = await self.connections.fetch(_NEXT, wanted | {"after": page.after})
        return [to_shown(row) for row in rows]
