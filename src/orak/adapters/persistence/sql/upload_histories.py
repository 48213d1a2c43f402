from collections import defaultdict
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event, to_upload
from orak.adapters.persistence.sql.tables import deferred_facts, events, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.domain.history import UploadHistory, VersionedEvent
from orak.domain.identity import UploadId

_LAST_UPLOAD = select(func.max(uploads.c.id))
_LAST_OF_EVENTS = select(func.max(events.c.upload_id))
_ROWS = UPLOADS.where(uploads.c.id.between(bindparam("first"), bindparam("last"))).order_by(uploads.c.id)
_EVENTS = (
    select(*EVENT_COLUMNS)
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
    """Return the highest id that rows or events know; 0 if there is none."""
    return UploadId(max(connection.scalar(_LAST_UPLOAD) or 0, connection.scalar(_LAST_OF_EVENTS) or 0))


def histories(connection: Connection, first: UploadId, last: UploadId) -> list[UploadHistory]:
    """Return what is known of uploads by their ids, both included."""
    span = {"first": first, "last": last}
    rows = {upload.id: upload for upload in map(to_upload, connection.execute(_ROWS, span))}
    events: dict[UploadId, list[VersionedEvent]] = defaultdict(list)
    for logged in map(to_logged_event, connection.execute(_EVENTS, span)):
        events[logged.upload_id].append(VersionedEvent(logged.version, logged.event))
    return [UploadHistory(of, events[of], rows.get(of)) for of in sorted({*events, *rows})]


def prune_events(connection: Connection, after: int, up_to: int, before: datetime) -> int:
    """Remove old events of these positions; return how many."""
    return connection.execute(_FORGET, {"after": after, "up_to": up_to, "before": before}).rowcount


class SqlUploadHistories:
    """Every event by its upload, numbered or not."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def last_upload(self) -> UploadId:
        """Return the highest id that rows or events know; 0 if there is none."""
        return await self._connections.read(last_upload)

    async def histories(self, first: UploadId, last: UploadId) -> list[UploadHistory]:
        """Return what is known of uploads by their ids, both included."""
        return await self._connections.read(histories, first, last)

    async def forget(self, after: int, up_to: int, before: datetime) -> int:
        """Remove events of these positions that are older than that; return how many."""
        return await self._connections.write(prune_events, after, up_to, before)
