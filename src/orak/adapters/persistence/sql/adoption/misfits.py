"""What keeps orak from adopting the tables of the original app."""

from collections.abc import Collection, Iterator

from sqlalchemy import BigInteger, DateTime, Enum, Integer, String, Table, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.types import TypeEngine

from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.foreign_tables import ORIGINAL, foreign_tables
from orak.adapters.persistence.sql.tables import records, songs, uploads, users

ORIGINAL_COLUMNS = {
    users: ("id",),
    songs: ("id",),
    uploads: (
        "id",
        "uuid",
        "original_filename",
        "extension",
        "uploader_id",
        "file_size",
        "content_type",
        "directory",
        "processing_status",
        "processing_error_message",
        "created_at",
    ),
    records: (
        "id",
        "user_id",
        "song_id",
        "upload_id",
        "title",
        "duration_seconds",
        "created_at",
        "updated_at",
    ),
}
"""The columns of the original tables that orak uses. It adds the others."""

_MAY_BE_NULL = frozenset({"processing_status", "created_at", "updated_at"})
"""Columns that may be NULL in the original tables; the adoption fills them."""

_ROWS = {
    "{} with a status that orak does not know": """
        SELECT count(*) FROM uploads
        WHERE processing_status NOT IN ('PENDING', 'UPLOADED', 'PROCESSING', 'COMPLETED', 'FAILED')
    """,
    "{} with the uuid of another upload": """
        SELECT count(*) FROM (SELECT 1 FROM uploads GROUP BY uuid HAVING count(*) > 1) AS repeated
    """,
    "{} of an unknown user": """
        SELECT count(*) FROM uploads WHERE NOT EXISTS (SELECT FROM users WHERE users.id = uploads.uploader_id)
    """,
    "{} with a record of another user": """
        SELECT count(*) FROM uploads JOIN records ON records.upload_id = uploads.id
        WHERE records.user_id <> uploads.uploader_id
    """,
    "{} with two records": """
        SELECT count(*) FROM (SELECT 1 FROM records GROUP BY upload_id HAVING count(*) > 1) AS repeated
    """,
    "{} of a record without an upload, user or song": """
        SELECT count(*) FROM records
        WHERE NOT EXISTS (SELECT FROM uploads WHERE uploads.id = records.upload_id)
            OR NOT EXISTS (SELECT FROM users WHERE users.id = records.user_id)
            OR song_id IS NOT NULL AND NOT EXISTS (SELECT FROM songs WHERE songs.id = records.song_id)
    """,
}
"""Counts of rows that break a rule of the schema, which the original app's constraints normally keep."""


def misfits(connection: Connection) -> list[str]:
    """Return all differences from the original tables that orak cannot work with."""
    inspector = inspect(connection)
    found = [
        f"{name} is the name of a table that orak needs"
        for name in foreign_tables(connection)
        if name not in ORIGINAL
    ]
    for table, names in ORIGINAL_COLUMNS.items():
        found += _columns(inspector, table, names)
    for table in (uploads, records):
        found += _obstacles(inspector, table)
    return found or [*_rows(connection)]


def _columns(inspector: Inspector, table: Table, names: Collection[str]) -> Iterator[str]:
    there = {column["name"]: column for column in inspector.get_columns(table.name)}
    is_own = table in {uploads, records}
    for name in names:
        wanted, column = table.c[name], there.get(name)
        if column is None:
            yield f"{table.name} has no column {name}"
        elif not _fits(column["type"], wanted.type, exactly=is_own):
            yield f"{table.name}.{name} is {column['type']}, not {wanted.type.compile(inspector.dialect)}"
        elif is_own and column["nullable"] and not wanted.nullable and name not in _MAY_BE_NULL:
            yield f"{table.name}.{name} may be NULL"
        elif is_own and name == "id" and not (column["default"] or column.get("identity")):
            yield f"{table.name}.id has no default, as BIGSERIAL has"


def _fits(found: TypeEngine[object], wanted: TypeEngine[object], *, exactly: bool) -> bool:
    match wanted:
        case BigInteger():
            return isinstance(found, BigInteger if exactly else Integer)
        case Integer():
            return isinstance(found, Integer)
        case UtcDateTime():
            return isinstance(found, DateTime)
        case String():
            long_enough = getattr(found, "length", None) or 2**31
            return (
                isinstance(found, String)
                and not isinstance(found, Enum)
                and long_enough >= (wanted.length or 0)
            )
    return False


def _obstacles(inspector: Inspector, table: Table) -> Iterator[str]:
    """Return what would refuse rows of orak: other columns, and constraints."""
    for column in inspector.get_columns(table.name):
        name = column["name"]
        if name in ORIGINAL_COLUMNS[table]:
            continue
        if name in table.c:
            yield f"{table.name} already has a column {name}, which orak would add"
        elif not column["nullable"] and not (column["default"] or column.get("identity")):
            yield f"{table.name}.{name} is NOT NULL without a default, so orak could add no rows"
    for constraint in inspector.get_check_constraints(table.name):
        if "processing_status" in constraint["sqltext"]:
            yield f"the constraint {constraint['name']} limits processing_status, and orak needs more states"
    indexes = {index["name"]: index["column_names"] for index in inspector.get_indexes(table.name)}
    for wanted in table.indexes:
        columns = indexes.get(wanted.name)
        if columns is not None and columns != [column.name for column in wanted.columns]:
            yield f"the index {wanted.name} is on other columns"


def _rows(connection: Connection) -> Iterator[str]:
    for what, query in _ROWS.items():
        if count := connection.scalar(text(query)):
            yield f"{what.format('uploads' if count > 1 else 'upload')}: {count}"
