"""A group of new records on PostgreSQL, stored by one statement.

It writes records, uploads, events and idempotency keys. A record whose upload changed since it was read is
left out, with all that belongs to it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    Column,
    Insert,
    Integer,
    Select,
    String,
    Update,
    and_,
    case,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from orak.adapters.persistence.sql.given_rows import encoded, given_rows
from orak.adapters.persistence.sql.idempotency_keys import is_first_call, keeping
from orak.adapters.persistence.sql.rows import event_values, record_values, upload_values
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import WAITING, events, idempotency_keys, records, uploads
from orak.adapters.persistence.sql.uploads import FRONT
from orak.application.ports.idempotency_keys import KEY_LIFE
from orak.application.ports.record_intake import Creation
from orak.domain.processing import ProcessingStatus
from orak.domain.record import UNSAVED, RecordSnapshot

_CHANGED = (
    uploads.c.processing_status,
    uploads.c.processing_error_message,
    uploads.c.failure_code,
    uploads.c.version,
    uploads.c.not_before,
    uploads.c.etag,
    uploads.c.changed_at,
    uploads.c.ended_at,
    uploads.c.request_id,
    uploads.c.traceparent,
)
"""The columns of an upload, except `turn`, that change when it gets a Record or its bytes arrive."""

_RECORD = tuple(column for column in records.c if column.name not in {"id", "version"})
_EVENT = tuple(column for column in events.c if column.name not in {"id", "position"})


def _add_records() -> Select[tuple[int, int | None, bool]]:
    given = given_rows(
        "given",
        (
            *_CHANGED,
            *_RECORD,
            Column("key_user_id", BigInteger),
            Column("route", String),
            Column("key", String),
            Column("record_version", Integer),
            Column("read_version", Integer),
            Column("waits", Boolean),
            Column("fingerprint", String),
        ),
    )
    is_used = exists(idempotency_keys).where(is_first_call(given.c.key_user_id, given.c.route, given.c.key))
    new = select(given, is_used.label("is_used")).cte("new").prefix_with("MATERIALIZED")
    # An upload that another writer has locked is left out, so that its call alone waits and not the group.
    # PostgreSQL compares the version again once it has the lock, so another writer comes before or after this
    # whole statement.
    is_as_read = and_(
        uploads.c.id == new.c.upload_id, uploads.c.version == new.c.read_version, ~new.c.is_used
    )
    held = (
        select(uploads.c.id)
        .where(is_as_read)
        .with_for_update(of=uploads, key_share=True, skip_locked=True)
        .cte("held")
    )
    able = select(new).where(new.c.upload_id == held.c.id).cte("able")
    made = (
        insert(records)
        .from_select(
            [*(column.name for column in _RECORD), "version"],
            select(*(able.c[column.name] for column in _RECORD), able.c.record_version),
        )
        .returning(records.c.id, records.c.upload_id)
        .cte("made")
    )
    is_locked = and_(made.c.id.is_(None), exists().where(is_as_read))
    return (
        select(new.c.upload_id, made.c.id, is_locked)
        .join_from(new, made, new.c.upload_id == made.c.upload_id, isouter=True)
        .add_cte(_moved(able).cte("moved"))
        .add_cte(_logged(made).cte("logged"))
        .add_cte(_kept(able, made).cte("kept"))
    )


def _moved(able: CTE) -> Update:
    """Move the uploads on, and let those that wait join the line as `Uploads.save` does."""
    last_own = (
        select(func.max(uploads.c.turn) + 2)
        .where(WAITING, uploads.c.uploader_id == able.c.user_id)
        .correlate(able)
        .scalar_subquery()
    )
    # The uploads of one owner within the group stand two turns apart too.
    place = func.row_number().over(partition_by=[able.c.user_id, able.c.waits], order_by=able.c.upload_id)
    turn = func.coalesce(func.greatest(FRONT + 1, last_own), 0) + 2 * (place - 1)
    placed = select(able, case((able.c.waits, turn)).label("turn")).cte("placed")
    keeps_turn = placed.c.processing_status == literal_column(f"'{ProcessingStatus.PROCESSING.value}'")
    return (
        update(uploads)
        .where(uploads.c.id == placed.c.upload_id)
        .values(
            {column.name: placed.c[column.name] for column in _CHANGED}
            | {
                "turn": case(
                    (placed.c.waits, func.coalesce(uploads.c.turn, placed.c.turn)),
                    (keeps_turn, uploads.c.turn),
                    else_=null(),
                )
            }
        )
    )


def _logged(made: CTE) -> Insert:
    new = given_rows("new_events", _EVENT)
    payload = func.concat(
        func.left(new.c.payload, -1), literal_column("',\"recordId\":'"), made.c.id, literal_column("'}'")
    )
    rows = (
        select(*(payload if column.name == "payload" else new.c[column.name] for column in _EVENT))
        .join_from(new, made, new.c.upload_id == made.c.upload_id)
        .order_by(new.c.upload_id, new.c.version)
    )
    return insert(events).from_select([column.name for column in _EVENT], rows)


def _kept(able: CTE, made: CTE) -> Insert:
    rows = (
        select(able.c.key_user_id, able.c.route, able.c.key, able.c.fingerprint, made.c.id, able.c.created_at)
        .join_from(able, made, able.c.upload_id == made.c.upload_id)
        .where(able.c.key.is_not(None))
        .order_by(able.c.key_user_id, able.c.route, able.c.key)
    )
    keep = postgresql.insert(idempotency_keys).from_select(
        ["user_id", "route", "key", "fingerprint", "made_id", "created_at"], rows
    )
    return keeping(keep)


ADD_RECORDS = Statement(_add_records(), writes=True)
"""Stores new records. Its rows: the upload's id, the record's, and whether another writer locks the upload.

The record's id is NULL if the upload is locked or changed since it was read, or if another call used the
idempotency key.
"""


def add_parameters(new: Sequence[Creation], now: datetime) -> Mapping[str, object]:
    """Return the parameters of `ADD_RECORDS`. Raise `Violation` for text that no database stores."""
    given, logged = [], []
    for creation in new:
        saved, changes = creation.saved_as(UNSAVED)
        given.append(_values(creation, saved))
        for version, event in enumerate(changes, creation.upload.version + 1):
            logged.append(event_values(saved.upload.id, version, replace(event, record_id=None)))
    return {
        "given": encoded(given),
        "new_events": encoded(logged),
        "at": max(creation.at for creation in new),
        "oldest": now - KEY_LIFE,
    }


def _values(creation: Creation, saved: RecordSnapshot) -> Mapping[str, object]:
    key, upload = creation.idempotency_key, upload_values(saved.upload, creation.at)
    record = record_values(saved.record)
    return (
        record
        | {column.name: upload[column.name] for column in _CHANGED}
        | {
            "record_version": record["version"],
            "read_version": creation.upload.version,
            "waits": saved.upload.is_waiting,
            "key_user_id": key and key.user_id,
            "route": key and key.route,
            "key": key and key.key,
            "fingerprint": key and key.fingerprint,
        }
    )
