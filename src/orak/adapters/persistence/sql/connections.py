"""How adapters reach a database, whichever it is: SQL is written once, as functions of a `Connection`."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import UniqueConstraint, event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from orak.adapters.persistence.sql.dialect import said, sqlstate, violated
from orak.adapters.persistence.sql.tables import metadata
from orak.application.ports.failures import StaleVersion, Unavailable

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE = 5.0
"""Seconds to wait for a place to write, for a connection, or for another process that is writing."""


class Violation(StaleVersion):
    """The database's own rules refuse a row.

    A use case looks before it writes, so somebody else was faster: made the same row, or removed what this
    one refers to. PageOutcome again tells which, and that is what `StaleVersion` asks for.
    """

    def __init__(self, constraint: str | None) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class Runner(Protocol):
    """A transaction under way; SQLAlchemy's `AsyncConnection` is one."""

    async def run_sync(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on the connection, where its waiting holds up nobody else."""
        ...


class Connections(Protocol):
    """Connections to one database. What goes wrong in there comes out as `Unavailable` or `Violation`."""

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on what is committed, each statement by itself."""
        ...

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* in a transaction of its own: all of it happens, or none."""
        ...

    async def write_at_once(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `write`, for *work* that is one statement on PostgreSQL: a transaction by itself.

        That saves the round trips of BEGIN and COMMIT.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Runner]:
        """Begin a transaction; a clean exit commits, anything else leaves no trace."""
        ...

    async def close(self) -> None:
        """Close them all, once what runs has ended."""
        ...


_UNIQUE = {
    ", ".join(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
    for table in metadata.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, UniqueConstraint)
}


def translate_errors(engine: Engine) -> None:
    """Let no driver's error out of *engine*: each is `Unavailable`, or `Violation` if a row was refused."""
    event.listen(engine, "handle_error", _translated)


_CONFLICTS = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock: others were in the way, and the whole transaction may be tried again."""

_UNSTORABLE = "22"
"""The class of a value that its column cannot hold; https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def _translated(context: ExceptionContext) -> Exception | None:
    error, original = context.sqlalchemy_exception, context.original_exception
    if isinstance(error, DBAPIError):
        return _refusal(error)
    if isinstance(original, OSError):  # a time-out is one too
        context.is_disconnect = True  # an answer may yet come, and is for nobody
        return Unavailable(f"the database: {str(original) or 'no answer in time'}")
    if isinstance(original, OverflowError | ValueError):
        return Violation(None)  # sqlite3 refuses a number or text that it cannot store before it asks
    return None


def _refusal(error: DBAPIError) -> StaleVersion | Unavailable:
    state = sqlstate(error)
    if isinstance(error, IntegrityError | DataError) or state.startswith(_UNSTORABLE):
        return Violation(violated(error, _UNIQUE))
    if state in _CONFLICTS:
        return StaleVersion(state)
    return Unavailable(f"the database: {said(error)}")
