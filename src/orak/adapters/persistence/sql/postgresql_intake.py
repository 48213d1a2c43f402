"""A group of new uploads on PostgreSQL, stored by one statement.

It writes owners, uploads, events and idempotency keys.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, Column, String, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

from orak.adapters.persistence.sql.connections import Violation
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.rows import event_values, upload_values
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import uploads
from orak.adapters.persistence.sql.users import TABLES_OF_APP
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKey
from orak.domain.upload import Upload

_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy builds this function untyped

_GIVEN = [column for column in uploads.c if column.name not in {"id", "turn"}]
_NAMES = ", ".join(column.name for column in _GIVEN)


def _typed(column: Column[object]) -> str:
    return f"{column.name} {column.type.compile(_DIALECT)}"


# PostgreSQL checks foreign keys when the statement ends, so the same statement may insert the owners. If a
# concurrent call with the same key was first, its key has not expired: NULL then violates NOT NULL, which
# refuses the whole statement.
ADD_UPLOADS = Statement(
    text(
        f"""
    WITH new AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS new({", ".join(map(_typed, _GIVEN))}, event_type text, event_payload text,
            key_user_id bigint, route text, key text, fingerprint text)
    ), owners AS (
        INSERT INTO users (id) SELECT DISTINCT uploader_id FROM new
        WHERE NOT EXISTS (SELECT FROM settings WHERE name = '{TABLES_OF_APP}')
        ORDER BY 1 ON CONFLICT DO NOTHING
    ), made AS (
        INSERT INTO uploads ({_NAMES}) SELECT {_NAMES} FROM new RETURNING id, uuid
    ), logged AS (
        INSERT INTO events (upload_id, version, type, payload, at, user_id, request_id, traceparent)
        SELECT made.id, new.version, new.event_type, new.event_payload, new.created_at, new.uploader_id,
            new.request_id, new.traceparent
        FROM made JOIN new USING (uuid)
    ), kept AS (
        INSERT INTO idempotency_keys AS kept (user_id, route, key, fingerprint, made_id, created_at)
        SELECT new.key_user_id, new.route, new.key, new.fingerprint, made.id, :now
        FROM made JOIN new USING (uuid) WHERE new.key IS NOT NULL ORDER BY 1, 2, 3
        ON CONFLICT (user_id, route, key) DO UPDATE SET
            fingerprint = excluded.fingerprint,
            made_id = CASE WHEN kept.created_at <= :oldest THEN excluded.made_id END,
            created_at = excluded.created_at
    )
    SELECT uuid, id FROM made
    """  # noqa: S608 - the names come from tables.py
    )
    .bindparams(
        bindparam("rows", type_=String()),
        bindparam("now", type_=UtcDateTime()),
        bindparam("oldest", type_=UtcDateTime()),
    )
    .columns(uuid=String(), id=BigInteger()),
    writes=True,
)
"""Stores new uploads with their owners, events and idempotency keys. Its rows: uuid, and the new id."""

_encode = msgspec.json.Encoder().encode


def add_parameters(
    new: Sequence[tuple[Upload, IdempotencyKey | None]], now: datetime
) -> Mapping[str, object]:
    """Return the parameters of `ADD_UPLOADS`. Raise `Violation` for text that no database stores."""
    try:
        rows = _encode([_values(upload, key) for upload, key in new]).decode()
    except UnicodeEncodeError as error:
        raise Violation(None) from error
    return {"rows": rows, "now": now, "oldest": now - KEY_LIFE}


def _values(upload: Upload, idempotency_key: IdempotencyKey | None) -> Mapping[str, object]:
    event = event_values(upload.id, upload.version, upload.requested())
    row = upload_values(upload, upload.created_at)
    row["event_type"], row["event_payload"] = event["type"], event["payload"]
    if idempotency_key is not None:
        row["key_user_id"], row["route"] = idempotency_key.user_id, idempotency_key.route
        row["key"], row["fingerprint"] = idempotency_key.key, idempotency_key.fingerprint
    return row
