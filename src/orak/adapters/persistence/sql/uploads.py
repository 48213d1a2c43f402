from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Update, bindparam, delete, func, insert, null, select, union_all, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner, within_transaction
from orak.adapters.persistence.sql.rows import UPLOAD_COLUMNS, event_values, to_upload, upload_values
from orak.adapters.persistence.sql.statements import Row, Statement, is_one_of
from orak.adapters.persistence.sql.tables import PROCESSING, WAITING, events, records, uploads
from orak.application.ports.failures import StaleVersion
from orak.domain.errors import UploadNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, UploadId
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import UNSAVED, Upload

UPLOADS = select(*UPLOAD_COLUMNS, records.c.id).select_from(uploads.outerjoin(records))
"""Rows for `to_upload`."""

BY_IDS = Statement(UPLOADS.where(is_one_of(uploads.c.id, "ids")))
_BY_ID = UPLOADS.where(uploads.c.id == bindparam("id"))
BY_KEY = Statement(UPLOADS.where(uploads.c.object_key == bindparam("key")))

# The front of the line is the first upload that may start and was not tried before. If there is none, the
# front is the last turn that was claimed. An upload that was put back keeps its old turn, which may be long
# past, so it does not mark the front.
_first_fresh = (
    select(uploads.c.turn)
    .where(WAITING, uploads.c.attempt == 0, uploads.c.not_before <= bindparam("at"))
    .order_by(uploads.c.turn, uploads.c.id)
    .limit(1)
)
_last_claimed = select(func.max(uploads.c.turn)).where(PROCESSING)
_first_waiting = select(func.min(uploads.c.turn)).where(WAITING)
FRONT = func.coalesce(
    *(turn.correlate(None).scalar_subquery() for turn in (_first_fresh, _last_claimed, _first_waiting))
)
"""The turn at the front of the line *at* a time; NULL if the line is empty."""

# Turns share the line between owners. The uploads of one owner stand two turns apart; the first upload of a
# newcomer stands one turn behind the front, and so before every other owner's second upload. As it stands
# behind the front, a stream of newcomers cannot keep the uploads of an old line waiting.
_turns = union_all(
    select((FRONT + 1).label("turn")),
    select(func.max(uploads.c.turn) + 2).where(WAITING, uploads.c.uploader_id == bindparam("owner")),
).subquery()
_next_turn = select(func.coalesce(func.max(_turns.c.turn), 0)).scalar_subquery()

# The version in WHERE refuses a second writer. SQLAlchemy adds the columns of `upload_values` to SET from the
# parameters; .values() names only what is computed in SQL.
_SAVE = update(uploads).where(
    uploads.c.id == bindparam("of_id"), uploads.c.version == bindparam("read_version")
)
_SAVE_WAITING = _SAVE.values(turn=func.coalesce(uploads.c.turn, _next_turn))
_SAVE_GONE = _SAVE.values(turn=null())
_ADD_EVENT = insert(events)
_PURGE = delete(uploads).where(uploads.c.id == bindparam("id"))


def found_by_key(rows: Sequence[Row]) -> Upload:
    """Return the upload that `BY_KEY` found. Raise `UploadNotFound`."""
    if not rows:
        raise UploadNotFound(UNSAVED)
    return to_upload(rows[0])


def save_upload(connection: Connection, upload: Upload, event: DomainEvent) -> Upload:
    """Store a changed upload and its event. Raise `StaleVersion`."""
    save, values = _saving(upload, [event])
    if connection.execute(save, values).rowcount == 0:
        raise StaleVersion(f"another writer changed upload {upload.id} after version {upload.version}")
    saved = replace(upload, version=upload.version + 1)
    connection.execute(_ADD_EVENT, event_values(upload.id, saved.version, event))
    return saved


def save_uploads(connection: Connection, changes: Sequence[tuple[Upload, Sequence[DomainEvent]]]) -> None:
    """Store changed uploads and their events; a version rises by one with each event.

    The caller has compared the versions, and no other writer can change them before the commit.
    """
    values: dict[Update, list[Mapping[str, object]]] = {}
    for upload, new in changes:
        save, one = _saving(upload, new)
        values.setdefault(save, []).append(one)
    for save, many in values.items():
        connection.execute(save, many)
    connection.execute(
        _ADD_EVENT,
        [
            event_values(upload.id, version, event)
            for upload, new in changes
            for version, event in enumerate(new, upload.version + 1)
        ],
    )


def _saving(upload: Upload, new: Sequence[DomainEvent]) -> tuple[Update, Mapping[str, object]]:
    """Return the statement that stores an upload after these events, and its parameters."""
    saved, at = replace(upload, version=upload.version + len(new)), new[-1].at
    values = upload_values(saved, at) | {"of_id": upload.id, "read_version": upload.version}
    if upload.is_waiting:
        return _SAVE_WAITING, values | {"owner": upload.owner_id, "at": at}
    if upload.status is ProcessingStatus.PROCESSING:  # keeps its turn, in case it is put back
        return _SAVE, values
    return _SAVE_GONE, values


@dataclass(frozen=True, slots=True)
class SqlUploads:
    """The port `Uploads` within one SQL transaction."""

    transaction: Runner

    @within_transaction
    def get(self, connection: Connection, upload_id: UploadId) -> Upload:
        row = connection.execute(_BY_ID, {"id": upload_id}).one_or_none()
        if row is None:
            raise UploadNotFound(upload_id)
        return to_upload(row)

    @within_transaction
    def by_key(self, connection: Connection, key: ObjectKey) -> Upload:
        return found_by_key(connection.execute(BY_KEY.expression, {"key": key}).all())

    @within_transaction
    def save(self, connection: Connection, upload: Upload, event: DomainEvent) -> Upload:
        return save_upload(connection, upload, event)

    @within_transaction
    def purge(self, connection: Connection, upload_id: UploadId) -> None:
        connection.execute(_PURGE, {"id": upload_id})
