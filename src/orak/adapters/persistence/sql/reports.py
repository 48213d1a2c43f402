from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, bindparam, func, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import UPLOAD_COLUMNS, to_upload
from orak.adapters.persistence.sql.tables import (
    BROKEN,
    PUBLISHED,
    RUNNING,
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
from orak.domain.upload import Upload

_AT: BindParameter[datetime] = bindparam("at")
_ORPHANED = (
    UNNAMED,
    uploads.c.created_at < bindparam("before"),
    # Not the bare column: its index holds every upload there is, and SQLite would walk that.
    func.coalesce(uploads.c.directory, "") == RECORDINGS,
)


def _number(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(uploads).where(*conditions).scalar_subquery()


def _last(types: frozenset[EventType], upload_id: ColumnElement[int]) -> ScalarSelect[datetime]:
    """When the last event of these types was: an upload has few, and its unique key finds them."""
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
# One statement, so that the figures are of one moment. Each walks an index, and but for COMPLETED one that
# holds little more than what is counted.
_COUNTS = select(
    _number(RUNNING, uploads.c.lease_until > _AT),
    _number(WAITING),
    select(func.count()).select_from(_waiting_owners).scalar_subquery(),
    _number(RUNNING),
    _number(BROKEN),
    _number(PUBLISHED),
    _number(*_ORPHANED),
    _last(QUEUEING_EVENTS, _next_in_line),
)

_older = uploads.c.id < bindparam("after")
_FAILURES = (
    select(*UPLOAD_COLUMNS, records.c.id, _last(FAILURE_EVENTS, uploads.c.id))
    .select_from(uploads.outerjoin(records))
    .where(BROKEN, _older)
    .order_by(uploads.c.id.desc())
    .limit(bindparam("limit"))
)
_ORPHANS = UPLOADS.where(*_ORPHANED, _older).order_by(uploads.c.id.desc()).limit(bindparam("limit"))


def count_uploads(connection: Connection, at: datetime, orphaned_before: datetime) -> Counts:
    """Count where uploads stand."""
    return Counts(*connection.execute(_COUNTS, {"at": at, "before": orphaned_before}).one())


def find_failures(connection: Connection, page: Page) -> list[DeadLetter]:
    """Return FAILED uploads, the newest first."""
    return [DeadLetter(to_upload(row), row[-1]) for row in connection.execute(_FAILURES, _bounds(page))]


def find_orphans(connection: Connection, before: datetime, page: Page) -> list[Upload]:
    """Return uploads in `recordings` that arrived and have no Record, the newest first."""
    return [to_upload(row) for row in connection.execute(_ORPHANS, _bounds(page) | {"before": before})]


def _bounds(page: Page) -> dict[str, object]:
    return {"after": MAX_ID if page.after is None else page.after, "limit": page.limit}


class SqlReports:
    """What operators look at and set."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count where uploads stand, over all processes."""
        return await self._connections.read(count_uploads, at, orphaned_before)

    async def failures(self, page: Page) -> list[DeadLetter]:
        """Return FAILED uploads, the newest first."""
        return await self._connections.read(find_failures, page)

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads in `recordings` that arrived and have no Record, the newest first."""
        return await self._connections.read(find_orphans, created_before, page)
