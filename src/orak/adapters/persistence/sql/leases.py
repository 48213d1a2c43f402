from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.rows import to_snapshot, to_upload
from orak.adapters.persistence.sql.snapshots import SNAPSHOTS
from orak.adapters.persistence.sql.tables import PROCESSING, WAITING, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS, save_upload
from orak.application.ports.clock import Clock
from orak.domain.errors import LeaseLost
from orak.domain.identity import UploadId
from orak.domain.record import ClaimedUpload
from orak.domain.upload import Upload

# `not_before` is never NULL (rows.py writes AT_ONCE), so one comparison finds every upload that may start.
_READY = uploads.c.not_before <= bindparam("now")

# SKIP LOCKED: a claim passes over the rows that other claims hold, so claims never wait for each other.
# SQLite has one writer at a time and needs no row locks; SQLAlchemy leaves FOR UPDATE out there.
_CLAIM = SNAPSHOTS.where(WAITING, _READY).with_for_update(of=uploads, skip_locked=True)
_CLAIM_GIVEN = _CLAIM.where(uploads.c.id == bindparam("id"))
_CLAIM_NEXT = _CLAIM.order_by(uploads.c.turn, uploads.c.id).limit(1)

# The status and the attempt fence off a worker whose lease was lost.
_NOW = bindparam("now", type_=UtcDateTime)
_EXTEND = (
    update(uploads)
    .where(PROCESSING, uploads.c.id == bindparam("of_id"), uploads.c.attempt == bindparam("held_attempt"))
    .values(
        lease_until=bindparam("until"),
        progress=bindparam("reached"),
        changed_at=case((uploads.c.progress == bindparam("reached"), uploads.c.changed_at), else_=_NOW),
    )
)
_LOST = (
    UPLOADS.where(PROCESSING, uploads.c.lease_until <= bindparam("now"))
    .order_by(uploads.c.lease_until, uploads.c.id)
    .limit(bindparam("limit"))
)
_FIRST_READY = (
    select(uploads.c.not_before).where(WAITING, _READY).order_by(uploads.c.turn, uploads.c.id).limit(1)
)
_FIRST_LATER = select(func.min(uploads.c.not_before)).where(WAITING)


@dataclass(frozen=True, slots=True)
class SqlLeases:
    """The port `Leases` on SQL: a lease is columns of its upload's row."""

    connections: Connections
    committed: Callable[[], None]
    """Called after each claim."""
    clock: Clock
    lease: timedelta

    async def claim(self, upload_id: UploadId | None = None) -> ClaimedUpload | None:
        claimed = await self._claim(upload_id)
        if claimed is not None:
            self.committed()
        return claimed

    @write
    def _claim(self, connection: Connection, upload_id: UploadId | None) -> ClaimedUpload | None:
        now = self.clock.now()
        if upload_id is None:
            row = connection.execute(_CLAIM_NEXT, {"now": now}).one_or_none()
        else:
            row = connection.execute(_CLAIM_GIVEN, {"now": now, "id": upload_id}).one_or_none()
        if row is None:
            return None
        found = to_snapshot(row)
        started = found.upload.start(at=now, lease_until=now + self.lease)
        return found.claimed(save_upload(connection, *started), at=now)

    @write
    def extend(self, connection: Connection, upload_id: UploadId, attempt: int, progress: int) -> None:
        now = self.clock.now()
        held = {"of_id": upload_id, "held_attempt": attempt}
        changes = {"until": now + self.lease, "reached": progress, "now": now}
        if not connection.execute(_EXTEND, held | changes).rowcount:
            raise LeaseLost

    @read
    def lost(self, connection: Connection, limit: int) -> list[Upload]:
        rows = connection.execute(_LOST, {"now": self.clock.now(), "limit": limit})
        return [to_upload(row) for row in rows]

    @read
    def next_start(self, connection: Connection) -> datetime | None:
        # The first in line can usually start at once. If none can, the few that wait have failed before.
        ready: datetime | None = connection.scalar(_FIRST_READY, {"now": self.clock.now()})
        later: datetime | None = ready or connection.scalar(_FIRST_LATER)
        return later
