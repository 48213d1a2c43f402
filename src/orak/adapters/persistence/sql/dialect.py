"""Where SQLite and PostgreSQL differ: types, the time, upserts, and what a broken rule is called."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer. SQLite's are so whatever they are called, but only INTEGER may AUTOINCREMENT."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. SQLite keeps no zone, so what it returns is said to be the UTC that was put in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a time that says not where it counts from."""
        if value is not None and value.tzinfo is not UTC:
            if value.tzinfo is None:
                raise ValueError("a time without a zone")
            return value.astimezone(UTC)
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return it aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class utc_now(FunctionElement[datetime]):  # noqa: N801 - an SQL function
    """The database's time, as a default of columns."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401, ARG001
    return "CURRENT_TIMESTAMP"


@compiles(utc_now, "sqlite")
def _utc_now_in_sqlite(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401, ARG001
    # Six digits like every other time here: texts of different lengths would not compare as times.
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"


def insert(table: Table, dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that can say what to do ON CONFLICT; both spell it alike, SQLAlchemy twice."""
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


def violated(error: DBAPIError, unique: Mapping[str, str]) -> str | None:
    """Return the name of the constraint that *error* is about, where the database tells.

    PostgreSQL names it. SQLite names the columns of a UNIQUE one, by which *unique* knows it, and nothing
    for a foreign key.
    """
    name: str | None = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return name or unique.get(str(error.orig).removeprefix("UNIQUE constraint failed: "))


def sqlstate(error: DBAPIError) -> str:
    """Return PostgreSQL's code of *error*; empty if it has none."""
    return getattr(error.orig, "sqlstate", None) or ""


def said(error: DBAPIError) -> str:
    """Return what the database says of *error*, without the lines that may quote rows."""
    driver = getattr(error.orig, "__cause__", None) or error.orig  # SQLAlchemy stands between it and asyncpg
    return str(driver).partition("\n")[0]
