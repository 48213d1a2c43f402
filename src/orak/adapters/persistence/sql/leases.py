from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import to_snapshot, to_upload
from orak.adapters.persistence.sql.snapshots import SNAPSHOTS
from orak.adapters.persistence.sql.tables import RUNNING, WAITING, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS, save_upload
from orak.application.ports.clock import Clock
from orak.domain.errors import LeaseLost
from orak.domain.identity import UploadId
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload

_READY = uploads.c.not_before <= bindparam("now")

# Where several write at once, what another is just taking is passed over; SQLite has one writer anyway.
_CLAIM = SNAPSHOTS.where(WAITING, _READY).with_for_update(of=uploads, skip_locked=True)
_CLAIM_GIVEN = _CLAIM.where(uploads.c.id == bindparam("id"))
_CLAIM_NEXT = _CLAIM.order_by(uploads.c.turn, uploads.c.id).limit(1)

_EXTEND = update(uploads).where(
    RUNNING, uploads.c.id == bindparam("of_id"), uploads.c.attempt == bindparam("held_attempt")
)
_LOST = (
    UPLOADS.where(RUNNING, uploads.c.lease_until <= bindparam("now"))
    .order_by(uploads.c.lease_until, uploads.c.id)
    .limit(bindparam("limit"))
)
_FIRST_READY = (
    select(uploads.c.not_before).where(WAITING, _READY).order_by(uploads.c.turn, uploads.c.id).limit(1)
)
_FIRST_LATER = select(func.min(uploads.c.not_before)).where(WAITING)


class SqlLeases:
    """Leases, as columns of the uploads they are on."""

    def __init__(self, connections: Connections, clock: Clock, lease: timedelta) -> None:
        self._connections = connections
        self._clock = clock
        self._lease = lease

    async def claim(self, upload_id: UploadId | None = None) -> RecordSnapshot | None:
        """Lease the given upload, or the one whose turn it is; None if there is none to be had."""

        def claim(connection: Connection) -> RecordSnapshot | None:
            now = self._clock.now()
            if upload_id is None:
                row = connection.execute(_CLAIM_NEXT, {"now": now}).one_or_none()
            else:
                row = connection.execute(_CLAIM_GIVEN, {"now": now, "id": upload_id}).one_or_none()
            if row is None:
                return None
            found = to_snapshot(row)
            started = found.upload.start(at=now, lease_until=now + self._lease)
            return replace(found, upload=save_upload(connection, *started))

        return await self._connections.write(claim)

    async def extend(self, upload_id: UploadId, attempt: int, progress: int) -> None:
        """Hold on to a lease from now. Raise `LeaseLost`."""

        def hold(connection: Connection) -> None:
            lease_until = self._clock.now() + self._lease
            held = {"of_id": upload_id, "held_attempt": attempt}
            if not connection.execute(
                _EXTEND, held | {"lease_until": lease_until, "progress": progress}
            ).rowcount:
                raise LeaseLost

        await self._connections.write(hold)

    async def lost(self, limit: int) -> list[Upload]:
        """Return uploads whose lease ran out, longest ago first."""

        def find(connection: Connection) -> list[Upload]:
            rows = connection.execute(_LOST, {"now": self._clock.now(), "limit": limit})
            return [to_upload(row) for row in rows]

        return await self._connections.read(find)

    async def next_start(self) -> datetime | None:
        """Return when the next waiting upload may start, or None."""

        def find(connection: Connection) -> datetime | None:
            # Usually the first in line may start. If none may, all that wait have failed before: few.
            ready: datetime | None = connection.scalar(_FIRST_READY, {"now": self._clock.now()})
            later: datetime | None = ready or connection.scalar(_FIRST_LATER)
            return later

        return await self._connections.read(find)
