"""Access to a database, SQLite or PostgreSQL.

Adapters write SQL once, for both databases. A method marked `read`, `write`, `write_long` or
`within_transaction` is written as a function of a `Connection`. Its callers await it without that argument:
they see the signature of the port, which mypy checks.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import UniqueConstraint, event
from sqlalchemy.engine import Connection, Dialect, Engine, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from orak.adapters.persistence.sql.dialect import message_of, server_is_lost, sqlstate, violated
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.adapters.persistence.sql.tables import metadata
from orak.application.ports.failures import StaleVersion, Unavailable

T = TypeVar("T")
P = ParamSpec("P")

POOL_SIZE = 10
"""Connections to PostgreSQL that one process holds at most, besides the one that listens for events."""

PATIENCE = 5.0
"""Seconds to wait for the writer's lock, for a connection, or for another process that is writing."""


class Runner(Protocol):
    """An open transaction; SQLAlchemy's `AsyncConnection` is one."""

    async def run_sync(self, work: Callable[[Connection], T], /) -> T:
        """Run *work*, which touches few rows, on the connection."""
        ...


class Connections(Protocol):
    """Connections to one database.

    They raise `Unavailable` and `StaleVersion`, never an error of the driver.
    """

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of the database."""
        ...

    @property
    def read_group(self) -> int:
        """The most calls that one statement should read for."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run *work* on committed data; each statement sees the latest commit."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a transaction of its own, which commits as a whole or not at all.

        *work* touches few rows: on SQLite it runs on the event loop.
        """
        ...

    async def write_long(self, work: Callable[[Connection], T]) -> T:
        """Run *work* like `write`; it may touch any number of rows."""
        ...

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one *statement*, which is a transaction by itself, and return its rows.

        This is the cheapest way to run a statement: without SQLAlchemy, on PostgreSQL in one round trip, and
        on SQLite on the event loop.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Runner]:
        """Begin a transaction: a clean exit commits, an exception rolls back."""
        ...

    async def close(self) -> None:
        """Close every connection when the work in progress has ended."""
        ...


class _OnConnections(Protocol):
    @property
    def connections(self) -> Connections: ...


class _OnTransaction(Protocol):
    @property
    def transaction(self) -> Runner: ...


C = TypeVar("C", bound=_OnConnections)
R = TypeVar("R", bound=_OnTransaction)


def read(
    method: Callable[Concatenate[C, Connection, P], T],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, T]]:
    """Make *method* asynchronous; it runs by `Connections.read`."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.connections.read(lambda connection: method(self, connection, *args, **kwargs))

    return run


def write(
    method: Callable[Concatenate[C, Connection, P], T],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, T]]:
    """Make *method* asynchronous; it runs by `Connections.write`."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.connections.write(lambda connection: method(self, connection, *args, **kwargs))

    return run


def write_long(
    method: Callable[Concatenate[C, Connection, P], T],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, T]]:
    """Make *method* asynchronous; it runs by `Connections.write_long`."""

    @wraps(method)
    async def run(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.connections.write_long(lambda connection: method(self, connection, *args, **kwargs))

    return run


def within_transaction(
    method: Callable[Concatenate[R, Connection, P], T],
) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
    """Make *method* asynchronous; it runs in the caller's transaction."""

    @wraps(method)
    async def run(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transaction.run_sync(lambda connection: method(self, connection, *args, **kwargs))

    return run


class Violation(StaleVersion):
    """A constraint of the database refused a row.

    Use cases check before they write, so another writer came in between. It made the same row, or removed one
    that this row refers to. As a `StaleVersion`, the error makes the caller read again and see which.
    """

    def __init__(self, constraint: str | None) -> None:
        super().__init__(f"a row violates {constraint or 'a constraint of the database'}")
        self.constraint = constraint


def translate_errors(engine: Engine) -> None:
    """Replace the driver's errors by `Unavailable`, `StaleVersion` and `Violation`."""
    event.listen(engine, "handle_error", _translated)


_UNIQUE = {
    ", ".join(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
    for table in metadata.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, UniqueConstraint)
}
"""Names of the UNIQUE constraints by their columns, as SQLite spells them in its errors."""

_CONFLICTS = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the whole transaction can be tried again."""

_STATEMENT_LOST = frozenset({"26000", "42P05"})
"""A prepared statement is missing, or belongs to another client: a pooler shares sessions between clients."""

_VIOLATION = "23"
"""The class of rows that a constraint refuses."""

_UNSTORABLE = "22"
"""The class of values that a column cannot hold; https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def _translated(context: ExceptionContext) -> Exception | None:
    error, original = context.sqlalchemy_exception, context.original_exception
    if isinstance(error, DBAPIError):
        state, message = sqlstate(error), message_of(error)
        if server_is_lost(state):
            context.is_disconnect = True  # the pool then opens new connections, to the new primary
        if isinstance(error, IntegrityError | DataError):
            return Violation(violated(error, _UNIQUE))
        return refusal(state, message, violated(error, _UNIQUE))
    if isinstance(original, OSError):  # TimeoutError too
        context.is_disconnect = True  # a late answer must not reach the next user of the connection
        return no_answer(original)
    if isinstance(original, OverflowError | ValueError):
        return Violation(None)  # sqlite3 refuses an unstorable number or text before it calls SQLite
    return None


def no_answer(error: OSError) -> Unavailable:
    """Return the error of a call that the database did not answer in time, or at all."""
    return Unavailable(f"the database: {str(error) or 'no answer in time'}")


def refusal(state: str, message: str, constraint: str | None) -> StaleVersion | Unavailable:
    """Return the error of a statement that PostgreSQL refused, by its SQLSTATE *state*."""
    if state.startswith((_UNSTORABLE, _VIOLATION)):
        return Violation(constraint)
    if state in _CONFLICTS:
        return StaleVersion(f"the transaction lost to another one (SQLSTATE {state})")
    if state in _STATEMENT_LOST:
        return Unavailable(f"the database: {message}; behind a pooler, set DATABASE_POOLER=transaction")
    return Unavailable(f"the database: {message}")
