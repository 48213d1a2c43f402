"""A group of new uploads on PostgreSQL, stored by one statement.

It has one parameter, and writes owners, uploads and events.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import BigInteger, Column, String, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect

from orak.adapters.persistence.sql.connections import Violation
from orak.adapters.persistence.sql.rows import event_values, upload_values
from orak.adapters.persistence.sql.tables import uploads
from orak.adapters.persistence.sql.users import TABLES_OF_APP
from orak.domain.upload import Upload

_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy builds this function untyped

_GIVEN = [column for column in uploads.c if column.name not in {"id", "turn"}]
_NAMES = ", ".join(column.name for column in _GIVEN)


def _typed(column: Column[object]) -> str:
    return f"{column.name} {column.type.compile(_DIALECT)}"


# PostgreSQL checks foreign keys when the statement ends, so the same statement may insert the owners.
_ADD = (
    text(
        f"""
    WITH new AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS new({", ".join(map(_typed, _GIVEN))}, event_type text, event_payload text)
    ), owners AS (
        INSERT INTO users (id) SELECT DISTINCT uploader_id FROM new
        WHERE NOT EXISTS (SELECT FROM settings WHERE name = '{TABLES_OF_APP}')
        ORDER BY 1 ON CONFLICT DO NOTHING
    ), made AS (
        INSERT INTO uploads ({_NAMES}) SELECT {_NAMES} FROM new RETURNING id, uuid
    ), logged AS (
        INSERT INTO events (upload_id, version, type, payload, at, user_id)
        SELECT made.id, new.version, new.event_type, new.event_payload, new.created_at, new.uploader_id
        FROM made JOIN new USING (uuid)
    )
    SELECT uuid, id FROM made
    """  # noqa: S608 - the names come from tables.py
    )
    .bindparams(bindparam("rows", type_=String()))
    .columns(uuid=String(), id=BigInteger())
)

_encode = msgspec.json.Encoder().encode


def add_uploads(connection: Connection, new: Sequence[Upload]) -> Mapping[str, int]:
    """Store new uploads with their owners and events, and return the new ids by uuid."""
    rows = []
    for upload in new:
        event = event_values(upload.id, upload.version, upload.requested())
        row = upload_values(upload, upload.created_at)
        rows.append(row | {"event_type": event["type"], "event_payload": event["payload"]})
    try:
        encoded = _encode(rows).decode()
    except UnicodeEncodeError as error:
        raise Violation(None) from error
    added = connection.execute(_ADD, {"rows": encoded})
    return {row.uuid: row.id for row in added}
