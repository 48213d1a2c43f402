from collections import defaultdict
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.rows import FACT_COLUMNS, to_fact, to_upload
from orak.adapters.persistence.sql.tables import deferred_facts, events, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.domain.history import UploadHistory, VersionedFact
from orak.domain.identity import UploadId

_LAST_UPLOAD = select(func.max(uploads.c.id))
_LAST_OF_FACTS = select(func.max(events.c.upload_id))
_ROWS = UPLOADS.where(uploads.c.id.between(bindparam("first"), bindparam("last"))).order_by(uploads.c.id)
_FACTS = (
    select(*FACT_COLUMNS)
    .where(events.c.upload_id.between(bindparam("first"), bindparam("last")))
    .order_by(events.c.upload_id, events.c.version)
)
_newer = events.alias("newer")
_FORGET = delete(events).where(
    events.c.position > bindparam("after"),
    events.c.position <= bindparam("up_to"),
    events.c.at < bindparam("before", type_=UtcDateTime),
    ~exists().where(deferred_facts.c.position == events.c.position),
    or_(
        exists().where(_newer.c.upload_id == events.c.upload_id, _newer.c.version > events.c.version),
        ~exists().where(uploads.c.id == events.c.upload_id),
    ),
)


def last_upload(connection: Connection) -> UploadId:
    """Return the highest id that rows or facts know; 0 if there is none."""
    return UploadId(max(connection.scalar(_LAST_UPLOAD) or 0, connection.scalar(_LAST_OF_FACTS) or 0))


def histories(connection: Connection, first: UploadId, last: UploadId) -> list[UploadHistory]:
    """Return what is known of uploads by their ids, both included."""
    span = {"first": first, "last": last}
    rows = {upload.id: upload for upload in map(to_upload, connection.execute(_ROWS, span))}
    facts: dict[UploadId, list[VersionedFact]] = defaultdict(list)
    for numbered in map(to_fact, connection.execute(_FACTS, span)):
        facts[numbered.upload_id].append(VersionedFact(numbered.version, numbered.fact))
    return [UploadHistory(of, facts[of], rows.get(of)) for of in sorted({*facts, *rows})]


def forget_facts(connection: Connection, after: int, up_to: int, before: datetime) -> int:
    """Remove old facts of these positions; return how many."""
    return connection.execute(_FORGET, {"after": after, "up_to": up_to, "before": before}).rowcount


class SqlEventLog:
    """Every fact by its upload, numbered or not."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def last_upload(self) -> UploadId:
        """Return the highest id that rows or facts know; 0 if there is none."""
        return await self._connections.read(last_upload)

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        """Return what is known of uploads by their ids, both included."""
        return await self._connections.read(histories, first, last)

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        """Remove facts of these positions that are older than that; return how many."""
        return await self._connections.write(forget_facts, after, up_to, before)
