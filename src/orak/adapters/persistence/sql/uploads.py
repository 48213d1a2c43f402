from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, insert, null, select, union_all, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner
from orak.adapters.persistence.sql.rows import UPLOAD_COLUMNS, event_values, to_upload, upload_values
from orak.adapters.persistence.sql.tables import RUNNING, WAITING, events, records, uploads
from orak.application.ports.failures import StaleVersion
from orak.domain.errors import UploadNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, UploadId
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import UNSAVED, Upload

UPLOADS = select(*UPLOAD_COLUMNS, records.c.id).select_from(uploads.outerjoin(records))
"""What `to_upload` reads."""

_BY_ID = UPLOADS.where(uploads.c.id == bindparam("id"))
_BY_KEY = UPLOADS.where(uploads.c.object_key == bindparam("key"))

# The front of the line: the first that may start and has not been tried yet; else who was served last. A take
# that was put back stands where it stood, maybe long ago, and says nothing of where the line is now.
_first_fresh = (
    select(uploads.c.turn)
    .where(WAITING, uploads.c.attempt == 0, uploads.c.not_before <= bindparam("at"))
    .order_by(uploads.c.turn, uploads.c.id)
    .limit(1)
)
_served = select(func.max(uploads.c.turn)).where(RUNNING)
_any = select(func.min(uploads.c.turn)).where(WAITING)
_front = func.coalesce(*(place.correlate(None).scalar_subquery() for place in (_first_fresh, _served, _any)))
# An owner's takes stand two apart and a newcomer one behind the front, so that it comes before anybody's
# next but one; and as it stands behind the front, any number of newcomers keep no old line waiting.
_places = union_all(
    select((_front + 1).label("turn")),
    select(func.max(uploads.c.turn) + 2).where(WAITING, uploads.c.uploader_id == bindparam("owner")),
).subquery()
_next_turn = select(func.coalesce(func.max(_places.c.turn), 0)).scalar_subquery()

_SAVE = update(uploads).where(
    uploads.c.id == bindparam("of_id"), uploads.c.version == bindparam("read_version")
)
_SAVE_WAITING = _SAVE.values(turn=func.coalesce(uploads.c.turn, _next_turn))
_SAVE_GONE = _SAVE.values(turn=null())
_ADD_EVENT = insert(events)
_PURGE = delete(uploads).where(uploads.c.id == bindparam("id"))


def get_upload(connection: Connection, upload_id: UploadId) -> Upload:
    """Return an upload. Raise `UploadNotFound`."""
    row = connection.execute(_BY_ID, {"id": upload_id}).one_or_none()
    if row is None:
        raise UploadNotFound(upload_id)
    return to_upload(row)


def upload_by_key(connection: Connection, key: ObjectKey) -> Upload:
    """Return the upload whose bytes lie under *key*. Raise `UploadNotFound`."""
    row = connection.execute(_BY_KEY, {"key": key}).one_or_none()
    if row is None:
        raise UploadNotFound(UNSAVED)
    return to_upload(row)


def save_upload(connection: Connection, upload: Upload, event: DomainEvent) -> Upload:
    """Store a changed upload with its event. Raise `StaleVersion` if another writer was first."""
    saved = replace(upload, version=upload.version + 1)
    values = upload_values(saved, event.at) | {"of_id": upload.id, "read_version": upload.version}
    if upload.is_waiting:
        result = connection.execute(_SAVE_WAITING, values | {"owner": upload.owner_id, "at": event.at})
    elif upload.status is ProcessingStatus.PROCESSING:  # keeps its turn, for when it is put back
        result = connection.execute(_SAVE, values)
    else:
        result = connection.execute(_SAVE_GONE, values)
    if result.rowcount == 0:
        raise StaleVersion
    connection.execute(_ADD_EVENT, event_values(upload.id, saved.version, event))
    return saved


def purge_upload(connection: Connection, upload_id: UploadId) -> None:
    """Remove a row; its events stay."""
    connection.execute(_PURGE, {"id": upload_id})


class SqlUploads:
    """Uploads within one transaction."""

    def __init__(self, transaction: Runner) -> None:
        self._transaction = transaction

    async def get(self, upload_id: UploadId) -> Upload:
        """Return the upload. Raise `UploadNotFound`."""
        return await self._transaction.run_sync(get_upload, upload_id)

    async def by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose bytes lie under *key*. Raise `UploadNotFound`."""
        return await self._transaction.run_sync(upload_by_key, key)

    async def save(self, upload: Upload, event: DomainEvent) -> Upload:
        """Store it with its event. Raise `StaleVersion` if another writer was first."""
        return await self._transaction.run_sync(save_upload, upload, event)

    async def purge(self, upload_id: UploadId) -> None:
        """Remove the row; its events stay."""
        await self._transaction.run_sync(purge_upload, upload_id)
