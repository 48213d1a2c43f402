from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.rows import to_upload
from orak.adapters.persistence.sql.tables import BROKEN, RUNNING, UNNAMED, WAITING, settings, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.application.ports.operations import Counts
from orak.application.ports.persistence import Page
from orak.domain.identity import MAX_ID
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload

_BATCH_SIZE = "batch_size"

_BY_STATUS = select(uploads.c.processing_status, func.count()).group_by(uploads.c.processing_status)
_ACTIVE = select(func.count()).where(RUNNING, uploads.c.lease_until > bindparam("at"))
_IN_LINE = select(func.count(), func.min(uploads.c.created_at)).where(WAITING)
_ORPHANED = select(func.count()).where(UNNAMED, uploads.c.created_at < bindparam("before"))

_older = uploads.c.id < bindparam("after")
_FAILURES = UPLOADS.where(BROKEN, _older).order_by(uploads.c.id.desc()).limit(bindparam("limit"))
_ORPHANS = (
    UPLOADS.where(UNNAMED, uploads.c.created_at < bindparam("before"), _older)
    .order_by(uploads.c.id.desc())
    .limit(bindparam("limit"))
)
_SETTING = select(settings.c.value).where(settings.c.name == bindparam("of"))


def count_uploads(connection: Connection, at: datetime, orphaned_before: datetime) -> Counts:
    """Count where uploads stand."""
    by_status = {row[0]: int(row[1]) for row in connection.execute(_BY_STATUS)}
    waiting, oldest = connection.execute(_IN_LINE).one()
    return Counts(
        active=connection.execute(_ACTIVE, {"at": at}).scalar_one(),
        waiting=waiting,
        processing=by_status.get(ProcessingStatus.PROCESSING, 0),
        failed=by_status.get(ProcessingStatus.FAILED, 0),
        completed=by_status.get(ProcessingStatus.COMPLETED, 0),
        orphans=connection.execute(_ORPHANED, {"before": orphaned_before}).scalar_one(),
        oldest_waiting=oldest,
    )


def find_failures(connection: Connection, page: Page) -> list[Upload]:
    """Return FAILED uploads, the newest first."""
    return [to_upload(row) for row in connection.execute(_FAILURES, _bounds(page))]


def find_orphans(connection: Connection, before: datetime, page: Page) -> list[Upload]:
    """Return uploads that arrived and have no Record, the newest first."""
    return [to_upload(row) for row in connection.execute(_ORPHANS, _bounds(page) | {"before": before})]


def read_batch_size(connection: Connection) -> int | None:
    """Return what was last set."""
    value: str | None = connection.scalar(_SETTING, {"of": _BATCH_SIZE})
    return None if value is None else int(value)


def write_batch_size(connection: Connection, size: int) -> None:
    """Set it in place of what was set before."""
    put = insert(settings, connection.dialect)
    connection.execute(
        put.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": put.excluded.value}),
        {"name": _BATCH_SIZE, "value": str(size)},
    )


def _bounds(page: Page) -> dict[str, object]:
    return {"after": MAX_ID if page.after is None else page.after, "limit": page.limit}


class SqlOperations:
    """What operators look at and set."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count where uploads stand, over all processes."""
        return await self._connections.read(count_uploads, at, orphaned_before)

    async def failures(self, page: Page) -> list[Upload]:
        """Return FAILED uploads, the newest first."""
        return await self._connections.read(find_failures, page)

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads that arrived and have no Record, the newest first."""
        return await self._connections.read(find_orphans, created_before, page)

    async def batch_size(self) -> int | None:
        """Return what was last set; None if it never was."""
        return await self._connections.read(read_batch_size)

    async def set_batch_size(self, size: int) -> None:
        """Set it for all processes."""
        await self._connections.write(write_batch_size, size)
