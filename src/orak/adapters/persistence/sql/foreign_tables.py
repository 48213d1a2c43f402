"""Tables that another program made in the database."""

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.tables import metadata

ORIGINAL = ("users", "songs", "uploads", "records")
"""The tables of the original app, which `orak db upgrade` adopts."""


def foreign_tables(connection: Connection) -> list[str]:
    """Return the tables that keep orak from making its own, if orak has made none here yet.

    A SQLite file belongs to one program, so any table counts. A PostgreSQL database may hold tables of other
    programs beside orak's, unless they have the same names.
    """
    inspector = inspect(connection)
    found = {*inspector.get_table_names(), *inspector.get_view_names()} - {"alembic_version"}
    return sorted(found if connection.dialect.name == "sqlite" else found.intersection(metadata.tables))


def has_original_tables(connection: Connection) -> bool:
    """Whether this is a PostgreSQL database with all tables of the original app."""
    return connection.dialect.name == "postgresql" and {*ORIGINAL} <= {*foreign_tables(connection)}
