"""Adoption of the original app's database: its four tables become orak's, with their rows."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.adoption.misfits import misfits
from orak.adapters.persistence.sql.adoption.statements import Step, steps
from orak.adapters.persistence.sql.foreign_tables import ORIGINAL, has_original_tables
from orak.adapters.persistence.sql.migrations import HEAD, UnusableSchema
from orak.application.ports.failures import StaleVersion, Unavailable

_LOCKS = (
    "LOCK TABLE uploads, records IN ACCESS EXCLUSIVE MODE",
    "LOCK TABLE users, songs IN SHARE MODE",  # others may read them, and add no rows until they are counted
)
_LOCK_SECONDS = 3
_KINDS = """
    SELECT COALESCE(u.processing_status, 'UPLOADED'), u.directory = 'recordings', r.id IS NOT NULL, count(*)
    FROM uploads AS u LEFT JOIN records AS r ON r.upload_id = u.id
    GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3 DESC
"""


class Kind(msgspec.Struct, frozen=True):
    """How many uploads of the original app have the same fate."""

    status: str
    is_recording: bool
    """Whether their directory is `recordings`."""
    has_record: bool
    count: int


class Adoption(msgspec.Struct, frozen=True):
    """What an adoption finds, and what it changes."""

    rows: Mapping[str, int]
    """How many rows each of the four tables has."""
    kinds: Sequence[Kind]
    steps: Sequence[Step]


def plan_adoption(url: str, *, convert: bool = False) -> Adoption | None:
    """Return what `adopt` would do; change nothing.

    Return None if the database does not hold the original app's tables, or orak has adopted them already.

    Raises:
        UnusableSchema: the tables differ from the original ones in a way that orak cannot work with.
        Unavailable: the database does not answer.
    """

    def plan(connection: Connection) -> Adoption | None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        return _plan(connection, convert=convert) if _is_adoptable(connection) else None

    return None if url.startswith("sqlite:") else migrations.write(url, plan)


def adopt(url: str, *, convert: bool = False) -> Adoption | None:
    """Adopt the tables in one transaction, and count their rows before and after.

    COMPLETED uploads keep the key that they have, unless *convert* puts those with a record back in line.
    Return None like `plan_adoption`.

    Raises:
        UnusableSchema: the tables do not fit, or the database refuses a step. Nothing was changed.
        Unavailable: the database does not answer.
    """

    def run(connection: Connection) -> Adoption | None:
        if not _is_adoptable(connection):
            return None
        _lock(connection)
        plan = _plan(connection, convert=convert)
        for step in plan.steps:
            _take(step, connection)
        migrations.run_alembic(connection, "stamp", HEAD)
        if (rows := _count(connection)) != plan.rows:
            raise _refusal(f"the adoption would change the number of rows from {plan.rows} to {rows}")
        return plan

    return None if url.startswith("sqlite:") else migrations.write(url, run)


def _is_adoptable(connection: Connection) -> bool:
    return not inspect(connection).has_table("alembic_version") and has_original_tables(connection)


def _plan(connection: Connection, *, convert: bool) -> Adoption:
    if found := misfits(connection):
        raise UnusableSchema(
            f"the tables of the other app do not fit: {'; '.join(found)}",
            "change them to fit, or use a separate database for orak",
        )
    kinds = [Kind(*row) for row in connection.execute(text(_KINDS))]
    return Adoption(_count(connection), kinds, steps(connection, convert=convert))


def _count(connection: Connection) -> dict[str, int]:
    return {
        table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - a constant
        for table in ORIGINAL
    }


def _take(step: Step, connection: Connection) -> None:
    for statement in step.statements:
        try:
            connection.exec_driver_sql(statement)
        except (Unavailable, StaleVersion) as refused:
            raise _refusal(f"cannot {step.what}: {refused}") from refused


def _lock(connection: Connection) -> None:
    """Lock the tables, or refuse soon: while this waits for the app, the app waits for it."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
    try:
        for lock in _LOCKS:
            connection.exec_driver_sql(lock)
    except Unavailable:
        raise UnusableSchema(
            f"the app has held the tables for {_LOCK_SECONDS} seconds; nothing was changed",
            "try again when no long transaction of the app is open",
        ) from None


def _refusal(reason: str) -> UnusableSchema:
    return UnusableSchema(reason, "nothing was changed; `orak db upgrade --dry-run` prints the plan")
