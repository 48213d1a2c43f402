from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, bindparam, func, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read
from orak.adapters.persistence.sql.rows import UPLOAD_COLUMNS, to_upload
from orak.adapters.persistence.sql.tables import (
    COMPLETED,
    FAILED,
    PROCESSING,
    UNNAMED,
    WAITING,
    events,
    records,
    uploads,
)
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.application.ports.page import Page
from orak.application.ports.reports import Counts, DeadLetter
from orak.domain.events import FAILURE_EVENTS, QUEUEING_EVENTS, EventType
from orak.domain.identity import MAX_ID, RECORDINGS
from orak.domain.processing import RETRYABLE
from orak.domain.upload import Upload

_AT: BindParameter[datetime] = bindparam("at")
_ORPHANED = (
    UNNAMED,
    uploads.c.created_at < bindparam("before"),
    # Not the bare column: SQLite would then walk its index, which holds every upload.
    func.coalesce(uploads.c.directory, "") == RECORDINGS,
)


def _number(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(uploads).where(*conditions).scalar_subquery()


def _last(types: frozenset[EventType], upload_id: ColumnElement[int]) -> ScalarSelect[datetime]:
    """Return the time of the last event of *types*.

    An upload has few events, and their unique key finds them.
    """
    return (
        select(func.max(events.c.at))
        .where(events.c.upload_id == upload_id, events.c.type.in_(sorted(types)))
        .scalar_subquery()
    )


_waiting_owners = select(uploads.c.uploader_id).where(WAITING).distinct().subquery()
_next_in_line = (
    select(uploads.c.id)
    .where(WAITING, uploads.c.not_before <= _AT)
    .order_by(uploads.c.turn, uploads.c.id)
    .limit(1)
    .scalar_subquery()
)
# One statement, so that all figures are of one moment. Each figure walks an index that
# holds little more than the rows counted.
_COUNTS = select(
    _number(PROCESSING, uploads.c.lease_until > _AT),
    _number(WAITING),
    select(func.count()).select_from(_waiting_owners).scalar_subquery(),
    _number(PROCESSING),
    _number(FAILED),
    _number(FAILED, uploads.c.failure_code.in_(sorted(RETRYABLE)), uploads.c.etag.is_not(None)),
    _number(*_ORPHANED),
    _last(QUEUEING_EVENTS, _next_in_line),
)
_COMPLETED = select(_number(COMPLETED))

_older = uploads.c.id < bindparam("after")
_FAILURES = (
    # Another program that marks an upload as FAILED writes no event.
    select(
        *UPLOAD_COLUMNS,
        records.c.id,
        func.coalesce(_last(FAILURE_EVENTS, uploads.c.id), uploads.c.created_at),
    )
    .select_from(uploads.outerjoin(records))
    .where(FAILED, _older)
    .order_by(uploads.c.id.desc())
    .limit(bindparam("limit"))
)
_ORPHANS = UPLOADS.where(*_ORPHANED, _older).order_by(uploads.c.id.desc()).limit(bindparam("limit"))


@dataclass(frozen=True, slots=True)
class SqlReports:
    """The port `Reports` on SQL."""

    connections: Connections

    @read
    def count(self, connection: Connection, at: datetime, orphaned_before: datetime) -> Counts:
        return Counts(*connection.execute(_COUNTS, {"at": at, "before": orphaned_before}).one())

    @read
    def count_completed(self, connection: Connection) -> int:
        return connection.execute(_COMPLETED).scalar_one()

    @read
    def failures(self, connection: Connection, page: Page) -> list[DeadLetter]:
        rows = connection.execute(_FAILURES, _bounds(page))
        return [DeadLetter(to_upload(row), row[-1]) for row in rows]

    @read
    def orphans(self, connection: Connection, created_before: datetime, page: Page) -> list[Upload]:
        rows = connection.execute(_ORPHANS, _bounds(page) | {"before": created_before})
        return [to_upload(row) for row in rows]


def _bounds(page: Page) -> dict[str, object]:
    return {"after": MAX_ID if page.after is None else page.after, "limit": page.limit}
