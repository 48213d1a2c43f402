import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from orak.adapters.persistence.sql.connections import PATIENCE, Runner, translate_errors
from orak.adapters.persistence.sql.postgresql_session import BROKEN, Sessions, first_line
from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_POOL = 10

_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    # No storage, network or conversion call runs inside a transaction, so an idle one is broken.
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read committed",
    "jit": "off",  # the statements are too short to be worth compiling
    "application_name": "orak",
}

_LIMITS_OF_MIGRATIONS = _LIMITS | {"statement_timeout": "0", "lock_timeout": "60s"}

_ANSWER_TIMEOUT = 7.0
"""Seconds without an answer after which the server counts as lost; `statement_timeout` ends sooner."""

_MIGRATION_LOCK = 0x6F72616B  # "orak" in ASCII: the advisory lock of the process that migrates


class PostgresqlConnections:
    """A pool of asyncpg connections on the event loop.

    When a caller is cancelled, the server cancels its statement, and the connection is rolled back before
    another caller gets it. *admit* runs before each new connection and may raise `Unavailable`.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = _POOL,
        patience: float = PATIENCE,
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        sessions = Sessions(url, _LIMITS, answer_timeout=_ANSWER_TIMEOUT, admit=admit)
        self._engine = _engine(sessions, pool_size=size, max_overflow=0, pool_timeout=patience)
        event.listen(self._engine.sync_engine, "checkout", _skip_closed)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, work: Callable[[Connection], T]) -> T:
        async with _connected(self._reading) as connection:
            return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        async with self.transaction() as transaction:
            return await transaction.run_sync(work)

    async def write_at_once(self, work: Callable[[Connection], T]) -> T:
        return await self.read(work)  # in AUTOCOMMIT, the one statement is a transaction by itself

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runner]:
        async with _connected(self._engine) as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        await self._engine.dispose()


def migrate(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work* in a transaction; processes that migrate concurrently take turns."""

    def run(connection: Connection) -> T:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        return work(connection)

    return _run(_once(Sessions(url, _LIMITS_OF_MIGRATIONS, answer_timeout=None), run))


def read_once(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work*, which only reads, on a connection of its own."""
    return _run(_once(Sessions(url, _LIMITS, answer_timeout=_ANSWER_TIMEOUT), work))


def _run(once: Coroutine[None, None, T]) -> T:
    with ThreadPoolExecutor(1) as thread:  # the calling thread may already run an event loop
        return thread.submit(asyncio.run, once).result()


async def _once(sessions: Sessions, work: Callable[[Connection], T]) -> T:
    engine = _engine(sessions, poolclass=NullPool)
    try:
        async with _connected(engine) as connection, connection.begin():
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except PoolTimeout as error:
            raise Unavailable("the database is busy") from error
        except BROKEN as error:  # SQLAlchemy does not translate errors of its first statements
            raise Unavailable(f"the database: {first_line(error)}") from error
        yield connection


def _engine(sessions: Sessions, **options: Any) -> AsyncEngine:  # noqa: ANN401 - passed on to SQLAlchemy
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=sessions.open, hide_parameters=True, **options
    )
    translate_errors(engine.sync_engine)
    return engine


def _skip_closed(_connection: object, _: ConnectionPoolEntry, pooled: PoolProxiedConnection) -> None:
    # A server that stops closes its connections, and asyncpg notices. Skipping those connections makes a
    # restart invisible to later callers, without a ping before every use.
    driver = pooled.driver_connection
    if driver is None or driver.is_closed():
        raise DisconnectionError
