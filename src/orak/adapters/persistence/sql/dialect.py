"""Differences between SQLite and PostgreSQL: types, time, upserts, errors."""

from collections.abc import Callable, Mapping
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
"""A 64-bit integer. SQLite stores 64 bits for any integer type, but only INTEGER may AUTOINCREMENT."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time in UTC.

    SQLite keeps no zone: times go in as UTC, and come out marked as UTC. On PostgreSQL, the driver returns
    times in UTC already.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature of SQLAlchemy
        """Return *value* in UTC. Raise `ValueError` for a time without a zone."""
        if value is not None and value.tzinfo is not UTC:
            if value.tzinfo is None:
                raise ValueError(f"a time without a zone: {value}")
            return value.astimezone(UTC)
        return value

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Return what converts a parameter for the driver."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def text(value: datetime | None) -> str | None:  # like SQLAlchemy's DateTime, in a tenth of the time
            found = self.process_bind_param(value, dialect)
            return None if found is None else found.replace(tzinfo=None).isoformat(" ", "microseconds")

        return text

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature of SQLAlchemy
        """Return *value* with the zone UTC."""
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what converts the driver's values; None on PostgreSQL."""
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)


class utc_now(FunctionElement[datetime]):  # noqa: N801 - an SQL function
    """The current time of the database, as a column default and in queries."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401, ARG001 - the signature of SQLAlchemy
    return "CURRENT_TIMESTAMP"


@compiles(utc_now, "sqlite")
def _utc_now_in_sqlite(element: utc_now, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401, ARG001 - the signature of SQLAlchemy
    # Six digits, like all times that SQLAlchemy writes: SQLite compares times as texts.
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"


def insert(table: Table, dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that accepts ON CONFLICT, of the class for *dialect*."""
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


def violated(error: DBAPIError, unique: Mapping[str, str]) -> str | None:
    """Return the name of the violated constraint; None if it is not reported.

    PostgreSQL reports the name. SQLite reports the columns of a UNIQUE constraint, which *unique* maps to its
    name, and nothing about a foreign key.
    """
    name: str | None = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return name or unique.get(str(error.orig).removeprefix("UNIQUE constraint failed: "))


def sqlstate(error: DBAPIError) -> str:
    """Return the SQLSTATE code of *error*; empty on SQLite, which has no such codes."""
    return getattr(error.orig, "sqlstate", None) or ""


_SERVER_LOST = ("08", "25006", "25P03", "25P04", "57P")
"""SQLSTATEs after which a session is useless, by their first characters.

The connection is broken, the server takes no writes (any more), ended the session, or shuts down. A server
that was demoted to a standby answers 25006 and keeps its connections open.
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


def server_is_lost(state: str) -> bool:
    """Whether the SQLSTATE *state* says that the server of this connection no longer serves it."""
    return state.startswith(_SERVER_LOST)


def message_of(error: DBAPIError) -> str:
    """Return the first line of the message; the lines after it may quote rows."""
    driver = getattr(error.orig, "__cause__", None) or error.orig  # SQLAlchemy wraps the error of asyncpg
    return str(driver).partition("\n")[0]
