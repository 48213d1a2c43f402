from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write
from orak.adapters.persistence.sql.rows import to_upload
from orak.adapters.persistence.sql.tables import AWAITED, ENDED, UNNAMED, records, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.application.ports.clock import Clock
from orak.domain.identity import RECORDINGS, UploadId
from orak.domain.upload import Upload

# The column of the join, not `records.id`: PostgreSQL then plans an anti-join and estimates its size.
_WITHOUT_RECORD = records.c.upload_id.is_(None)

# An adopted database may hold the app's uploads in other directories, which orak leaves alone. With `=`,
# SQLite would walk the index of directories, which holds every upload. A literal, not a parameter: PostgreSQL
# then knows that nearly every upload is a recording.
_OF_ORAK = uploads.c.directory.like(literal_column(f"'{RECORDINGS}'"))

# `not_before` is never NULL (rows.py writes AT_ONCE), so one comparison finds every upload that is due.
_DUE = UPLOADS.where(AWAITED, _OF_ORAK, uploads.c.not_before <= bindparam("until")).order_by(
    uploads.c.not_before, uploads.c.id
)
_ORPHANS = UPLOADS.where(
    UNNAMED,
    _WITHOUT_RECORD,
    uploads.c.created_at < bindparam("until"),
    uploads.c.not_before < bindparam("until"),  # later for an upload that orak adopted
    _OF_ORAK,
).order_by(uploads.c.created_at, uploads.c.id)
_TOMBSTONES = UPLOADS.where(
    ENDED, _OF_ORAK, _WITHOUT_RECORD, uploads.c.ended_at < bindparam("until")
).order_by(uploads.c.ended_at, uploads.c.id)
_KNOWN = UPLOADS.where(uploads.c.uuid.in_(bindparam("uuids", expanding=True)))
_POSTPONE = (
    update(uploads).where(AWAITED, uploads.c.id == bindparam("of_id")).values(not_before=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class SqlArrivals:
    """The port `Arrivals` on SQL."""

    connections: Connections
    clock: Clock

    @read
    def due(self, connection: Connection, limit: int) -> list[Upload]:
        return _find_until(connection, _DUE, self.clock.now(), limit)

    async def postpone(self, looks: Mapping[UploadId, datetime]) -> None:
        if looks:  # an empty write would still wait for the writer's lock
            await self._postpone(looks)

    @write
    def _postpone(self, connection: Connection, looks: Mapping[UploadId, datetime]) -> None:
        # In one order, or two sweeps of the same uploads could deadlock.
        connection.execute(
            _POSTPONE, [{"of_id": of_id, "until": until} for of_id, until in sorted(looks.items())]
        )

    @read
    def known(self, connection: Connection, uuids: Collection[str]) -> list[Upload]:
        return [to_upload(row) for row in connection.execute(_KNOWN, {"uuids": list(uuids)})]

    @read
    def orphans(self, connection: Connection, created_before: datetime, limit: int) -> list[Upload]:
        return _find_until(connection, _ORPHANS, created_before, limit)

    @read
    def tombstones(self, connection: Connection, before: datetime, limit: int) -> list[Upload]:
        return _find_until(connection, _TOMBSTONES, before, limit)


def _find_until(
    connection: Connection, query: Select[*tuple[Any, ...]], until: datetime, limit: int
) -> list[Upload]:
    return [to_upload(row) for row in connection.execute(query.limit(limit), {"until": until})]
