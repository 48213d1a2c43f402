from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write_long
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


@dataclass(frozen=True, slots=True)
class SqlUploadHistories:
    """The port `UploadHistories` on SQL."""

    connections: Connections

    @read
    def last_upload(self, connection: Connection) -> UploadId:
        of_rows, of_events = connection.scalar(_LAST_UPLOAD), connection.scalar(_LAST_OF_EVENTS)
        return UploadId(max(of_rows or 0, of_events or 0))

    @read
    def histories(self, connection: Connection, first: UploadId, last: UploadId) -> list[UploadHistory]:
        span = {"first": first, "last": last}
        rows = {upload.id: upload for upload in map(to_upload, connection.execute(_ROWS, span))}
        events: dict[UploadId, list[VersionedEvent]] = defaultdict(list)
        for logged in map(to_logged_event, connection.execute(_EVENTS, span)):
            events[logged.upload_id].append(VersionedEvent(logged.version, logged.event))
        return [UploadHistory(of, events[of], rows.get(of)) for of in sorted({*events, *rows})]

    @write_long
    def forget(self, connection: Connection, after: int, up_to: int, before: datetime) -> int:
        return connection.execute(_FORGET, {"after": after, "up_to": up_to, "before": before}).rowcount
