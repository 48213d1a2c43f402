from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import to_upload
from orak.adapters.persistence.sql.tables import AWAITED, ENDED, UNNAMED, records, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.application.ports.clock import Clock
from orak.domain.identity import UploadId
from orak.domain.upload import Upload

# By the column that joins: PostgreSQL knows this for an anti-join, and estimates how many there are.
_WITHOUT_RECORD = records.c.upload_id.is_(None)

_DUE = UPLOADS.where(AWAITED, uploads.c.not_before <= bindparam("until")).order_by(
    uploads.c.not_before, uploads.c.id
)
_ORPHANS = UPLOADS.where(UNNAMED, _WITHOUT_RECORD, uploads.c.created_at < bindparam("until")).order_by(
    uploads.c.created_at, uploads.c.id
)
_BURIED = UPLOADS.where(ENDED, _WITHOUT_RECORD, uploads.c.ended_at < bindparam("until")).order_by(
    uploads.c.ended_at, uploads.c.id
)
_KNOWN = UPLOADS.where(uploads.c.uuid.in_(bindparam("uuids", expanding=True)))
_POSTPONE = (
    update(uploads).where(AWAITED, uploads.c.id == bindparam("of_id")).values(not_before=bindparam("until"))
)


def find_until(
    connection: Connection, query: Select[*tuple[Any, ...]], until: datetime, limit: int
) -> list[Upload]:
    """Return the first uploads that *query* finds before or at a time."""
    return [to_upload(row) for row in connection.execute(query.limit(limit), {"until": until})]


def find_known(connection: Connection, uuids: list[str]) -> list[Upload]:
    """Return the uploads that have one of these uuids."""
    return [to_upload(row) for row in connection.execute(_KNOWN, {"uuids": uuids})]


def postpone(connection: Connection, looks: Mapping[UploadId, datetime]) -> None:
    """Put off the next looks for uploads that still await their bytes."""
    connection.execute(
        _POSTPONE, [{"of_id": of_id, "until": until} for of_id, until in sorted(looks.items())]
    )


class SqlArrivals:
    """Uploads that time alone may move."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    async def due(self, limit: int) -> list[Upload]:
        """Return uploads that await their bytes and whose next look has come, longest overdue first."""
        return await self._connections.read(find_until, _DUE, self._clock.now(), limit)

    async def postpone(self, looks: Mapping[UploadId, datetime]) -> None:
        """Put off the next looks for uploads that still await their bytes."""
        if looks:
            await self._connections.write(postpone, looks)

    async def known(self, uuids: Collection[str]) -> list[Upload]:
        """Return the uploads that have one of these uuids."""
        return await self._connections.read(find_known, list(uuids))

    async def orphans(self, created_before: datetime, limit: int) -> list[Upload]:
        """Return uploads that arrived and have no Record, oldest first."""
        return await self._connections.read(find_until, _ORPHANS, created_before, limit)

    async def tombstones(self, before: datetime, limit: int) -> list[Upload]:
        """Return uploads without a Record that ended before then, longest ago first."""
        return await self._connections.read(find_until, _BURIED, before, limit)
