"""The statements that turn the original tables into orak's, each with a line for the plan."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import (
    Column,
    Constraint,
    DateTime,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.engine import Connection
from sqlalchemy.schema import (
    AddConstraint,
    ColumnCollectionConstraint,
    CreateColumn,
    CreateIndex,
    CreateTable,
)

from orak.adapters.persistence.sql.adoption.backfill import (
    ADD_EVENTS,
    CATCH_UP_SEQUENCES,
    FILL_RECORDS,
    fill_uploads,
)
from orak.adapters.persistence.sql.adoption.misfits import ORIGINAL_COLUMNS
from orak.adapters.persistence.sql.adoption.other_writers import TRIGGERS
from orak.adapters.persistence.sql.foreign_tables import ORIGINAL
from orak.adapters.persistence.sql.tables import metadata, records, uploads
from orak.adapters.persistence.sql.users import TABLES_OF_APP
from orak.domain.upload import ANY_BYTES

_DEFAULTS = {
    "url_expires_at": "CURRENT_TIMESTAMP",
    "version": "0",
    "attempt": "0",
    "failures": "0",
    "progress": "0",
    "not_before": "'1970-01-01 00:00:00+00'",
    "etag": f"'{ANY_BYTES}'",
}
"""Defaults of added columns, for the rows of other programs. A trigger computes `object_key`."""


class Step(msgspec.Struct, frozen=True):
    """Some changes, and the line that describes them."""

    what: str
    statements: tuple[str, ...]


def steps(connection: Connection, *, convert: bool) -> list[Step]:
    """Return all changes in their order. With *convert*, completed records are converted too."""
    return [
        step
        for step in (
            _times(connection),
            *(_columns(connection, table) for table in (uploads, records)),
            Step("fill the new columns of every row", (fill_uploads(convert=convert), FILL_RECORDS)),
            *(_not_null(table) for table in (uploads, records)),
            *(step for table in (uploads, records) for step in _constraints(connection, table)),
            *(_indexes(connection, table) for table in (uploads, records)),
            _tables(connection),
            Step("write one event for each upload, as the beginning of the event log", ADD_EVENTS),
            Step("complete the rows that other programs write, by triggers", TRIGGERS),
            Step("begin new ids after the highest ones", CATCH_UP_SEQUENCES),
            Step("collect statistics of uploads and records", ("ANALYZE uploads, records",)),
        )
        if step.statements
    ]


def _times(connection: Connection) -> Step:
    """Give columns of type TIMESTAMP a time zone; their values are in UTC."""
    inspector, changes = inspect(connection), []
    for table in (uploads, records):
        for column in inspector.get_columns(table.name):
            name, kind = column["name"], column["type"]
            if name in ORIGINAL_COLUMNS[table] and isinstance(kind, DateTime) and not kind.timezone:
                changes.append(
                    f"ALTER TABLE {table.name} ALTER {name} DROP DEFAULT,"
                    f" ALTER {name} TYPE TIMESTAMP WITH TIME ZONE USING {name} AT TIME ZONE 'UTC',"
                    f" ALTER {name} SET DEFAULT CURRENT_TIMESTAMP"
                )
    return Step("give the times of uploads and records the time zone UTC", tuple(changes))


def _columns(connection: Connection, table: Table) -> Step:
    added = [column for column in table.c if column.name not in ORIGINAL_COLUMNS[table]]
    definitions = ", ".join(f"ADD {_definition(connection, column)}" for column in added)
    names = ", ".join(column.name for column in added)
    return Step(f"add to {table.name}: {names}", (f"ALTER TABLE {table.name} {definitions}",))


def _definition(connection: Connection, column: Column[object]) -> str:
    if column.server_default is not None:
        return str(CreateColumn(column).compile(dialect=connection.dialect))
    default = _DEFAULTS.get(column.name)
    return f"{column.name} {column.type.compile(connection.dialect)}" + (
        f" DEFAULT {default}" if default else ""
    )


def _not_null(table: Table) -> Step:
    columns = [column.name for column in table.c if not column.nullable and not column.primary_key]
    changes = ", ".join(f"ALTER {name} SET NOT NULL" for name in columns)
    return Step(f"allow NULL in {table.name} only where orak does", (f"ALTER TABLE {table.name} {changes}",))


_Key = tuple[type[Constraint], frozenset[str]]


def _constraints(connection: Connection, table: Table) -> Iterator[Step]:
    there = _names_of_constraints(connection, table)
    for wanted in sorted(table.constraints, key=lambda constraint: str(constraint.name)):
        if not isinstance(wanted, ColumnCollectionConstraint):
            continue
        name = str(wanted.name)
        names = there.get((type(wanted), frozenset(wanted.columns.keys())), [])
        if name in names:
            continue
        if names:
            old = connection.dialect.identifier_preparer.quote(names[0])
            change = f"ALTER TABLE {table.name} RENAME CONSTRAINT {old} TO {name}"
            yield Step(f"rename the constraint {names[0]} of {table.name} to {name}", (change,))
        else:
            # Isolated, the constraint would be missing in later CREATE TABLE statements of this process.
            change = str(AddConstraint(wanted, isolate_from_table=False).compile(dialect=connection.dialect))
            yield Step(f"add the constraint {name}", (change,))


def _names_of_constraints(connection: Connection, table: Table) -> Mapping[_Key, list[str]]:
    inspector = inspect(connection)
    key = inspector.get_pk_constraint(table.name)
    found: dict[_Key, list[str]] = defaultdict(list)
    found[PrimaryKeyConstraint, frozenset(key["constrained_columns"])].append(str(key["name"]))
    for unique in inspector.get_unique_constraints(table.name):
        found[UniqueConstraint, frozenset(unique["column_names"])].append(str(unique["name"]))
    for foreign in inspector.get_foreign_keys(table.name):
        found[ForeignKeyConstraint, frozenset(foreign["constrained_columns"])].append(str(foreign["name"]))
    return found


def _indexes(connection: Connection, table: Table) -> Step:
    there = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    added = sorted(
        (index for index in table.indexes if index.name not in there), key=lambda one: str(one.name)
    )
    names = ", ".join(str(index.name) for index in added)
    statements = (str(CreateIndex(index).compile(dialect=connection.dialect)) for index in added)
    return Step(f"add the indexes {names}", tuple(statements))


def _tables(connection: Connection) -> Step:
    added = [table for table in metadata.sorted_tables if table.name not in ORIGINAL]
    made: list[CreateTable | CreateIndex] = []
    for table in added:
        made += [CreateTable(table), *map(CreateIndex, table.indexes)]
    statements = [str(element.compile(dialect=connection.dialect)) for element in made]
    statements += [
        "INSERT INTO feed (id, position) VALUES (1, 0)",
        f"INSERT INTO settings VALUES ('{TABLES_OF_APP}', 'users, songs')",  # noqa: S608 - a constant
    ]
    return Step(f"create the tables {', '.join(table.name for table in added)}", tuple(statements))
