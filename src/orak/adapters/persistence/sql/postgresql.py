import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from orak.adapters.persistence.sql.connections import (
    PATIENCE,
    POOL_SIZE,
    Runner,
    Violation,
    no_answer,
    refusal,
    translate_errors,
)
from orak.adapters.persistence.sql.dialect import server_is_lost
from orak.adapters.persistence.sql.groups import GROUP
from orak.adapters.persistence.sql.places import Places
from orak.adapters.persistence.sql.postgresql_session import BROKEN, Sessions, first_line, is_shared
from orak.adapters.persistence.sql.postgresql_url import Pooler
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    # No storage, network or conversion call runs inside a transaction, so an idle one is broken.
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read committed",
    "jit": "off",  # the statements are too short to be worth compiling
    "application_name": "orak",
}

_POINT_PLANS = {"enable_mergejoin": "off", "enable_hashjoin": "off", "enable_seqscan": "off"}
"""Plans that look rows up by an index if one fits.

PostgreSQL joins by reading whole tables if it thinks that they are small, and keeps that plan for a prepared
statement while they grow, or until their statistics are renewed.
"""

_LIMITS_OF_MIGRATIONS = _LIMITS | {"statement_timeout": "0", "lock_timeout": "60s"}

_ANSWER_TIMEOUT = 7.0
"""Seconds without an answer after which the server counts as lost; `statement_timeout` ends sooner."""

_STATEMENTS = 100
"""Prepared statements that one connection keeps."""

_LOSSES = "losses"
"""The entry in a connection's `info`: how many servers were lost when it was opened."""

_MIGRATION_LOCK = 0x6F72616B  # "orak" in ASCII: the advisory lock of the process that migrates


class PostgresqlConnections:
    """A pool of asyncpg connections on the event loop.

    When a caller is cancelled, the server cancels its statement, and the connection is closed. *pooler* is
    the mode of a pooler in front of the server. *admit* runs before each new connection and may raise
    `Unavailable`.

    Of the *size* connections, half are for reads, so that reads never wait behind writes. Callers get them
    in the order in which they came, or `Unavailable` after *patience* seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = POOL_SIZE,
        patience: float = PATIENCE,
        pooler: Pooler = "auto",
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        self.sessions: Final = Sessions(
            url, _LIMITS | _POINT_PLANS, answer_timeout=_ANSWER_TIMEOUT, pooler=pooler, admit=admit
        )
        reads = max(1, size // 2)
        writes = max(1, size - reads)
        self._reads, self._writes = Places(reads, patience), Places(writes, patience)
        # The connection that was used last is used next: it has prepared the most statements.
        options = {"pool_size": reads + writes, "max_overflow": 0, "pool_use_lifo": True}
        self._engine = _engine(self.sessions, **options)
        self._pool = self._engine.pool
        self.read_group: Final = GROUP
        self.dialect: Final = self._engine.dialect
        self._losses = 0
        event.listen(self._pool, "connect", self._note_losses)
        event.listen(self._pool, "checkout", self._skip_closed)
        event.listen(self._pool, "invalidate", _drop_silent)

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        compiled = statement.compiled(self.dialect)
        try:
            arguments = compiled.arguments(parameters)
        except (OverflowError, ValueError) as error:
            raise Violation(None) from error

        def run() -> Sequence[Row]:
            pooled = self._pool.connect()
            session: Any = pooled.driver_connection
            try:
                return compiled.rows(await_only(_fetch(session, compiled.text, arguments)))
            except BROKEN as error:
                raise self._translated(error, pooled) from error
            except asyncio.CancelledError:
                # The statement may still run, and the request that cancels it could hit the next one.
                pooled.invalidate()
                raise
            finally:
                if pooled.is_valid:
                    pooled.close()

        try:
            async with self._writes if statement.writes else self._reads:
                return await greenlet_spawn(run)
        except (*BROKEN, self.dialect.loaded_dbapi.Error) as error:  # SQLAlchemy's first statements
            raise Unavailable(f"the database: {first_line(error)}") from error

    async def read(self, work: Callable[[Connection], T]) -> T:
        async with self._reads, _connected(self._engine) as connection:
            return await connection.run_sync(_one_by_one(work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        async with self.transaction() as transaction:
            return await transaction.run_sync(work)

    write_long = write

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runner]:
        async with self._writes, _connected(self._engine) as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        await asyncio.gather(self._reads.close(), self._writes.close())
        await self._engine.dispose()

    def _translated(self, error: Exception, pooled: PoolProxiedConnection) -> Exception:
        if isinstance(error, OSError):  # TimeoutError too
            pooled.invalidate(error)  # a late answer must not reach the next user of the connection
            return no_answer(error)
        if isinstance(error, ValueError):
            return Violation(None)  # asyncpg refuses an unstorable number or text before it calls the server
        state: str = getattr(error, "sqlstate", None) or ""
        if not state or server_is_lost(state):
            self._losses += 1  # the other connections may lead to the same server
            pooled.invalidate(error)
        return refusal(state, first_line(error), getattr(error, "constraint_name", None))

    def _note_losses(self, _connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info[_LOSSES] = self._losses

    def _skip_closed(
        self, _connection: object, entry: ConnectionPoolEntry, pooled: PoolProxiedConnection
    ) -> None:
        # A server that stops closes its connections, and asyncpg notices. Skipping those connections makes a
        # restart invisible to later callers, without a ping before every use.
        driver = pooled.driver_connection
        if entry.info[_LOSSES] != self._losses:
            raise InvalidatePoolError
        if driver is None or driver.is_closed():
            raise DisconnectionError


def _drop_silent(
    connection: PoolProxiedConnection, _entry: ConnectionPoolEntry, error: BaseException | None
) -> None:
    # SQLAlchemy would say goodbye to the server, and wait 2 s for an answer, with the caller.
    if isinstance(error, TimeoutError):
        connection.driver_connection.terminate()  # type: ignore[union-attr]  # asyncpg ships no type hints


async def _fetch(session: asyncpg.Connection, text: str, arguments: Sequence[object]) -> list[Row]:
    """Run a statement, which asyncpg prepares once in each session that is not shared."""
    if not is_shared(session):
        return await session.fetch(text, *arguments)  # type: ignore[no-any-return]  # asyncpg ships no type hints
    async with session.transaction():
        return await session.fetch(text, *arguments)  # type: ignore[no-any-return]  # as above


def migrate(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work* in a transaction; processes that migrate concurrently take turns."""

    def run(connection: Connection) -> T:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        return work(connection)

    return _run(_once(Sessions(url, _LIMITS_OF_MIGRATIONS, answer_timeout=None, pooler="transaction"), run))


def read_once(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work*, which only reads, on a connection of its own."""
    return _run(_once(Sessions(url, _LIMITS, answer_timeout=_ANSWER_TIMEOUT, pooler="transaction"), work))


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
        except BROKEN as error:  # SQLAlchemy does not translate errors of its first statements
            raise Unavailable(f"the database: {first_line(error)}") from error
        yield connection


def _engine(sessions: Sessions, **options: Any) -> AsyncEngine:  # noqa: ANN401 - passed on to SQLAlchemy
    def connect() -> Any:  # noqa: ANN401 - SQLAlchemy's wrapper of the session
        session = await_only(sessions.open())

        async def opened() -> object:
            return session

        kept = 0 if is_shared(session) else _STATEMENTS
        return engine.dialect.loaded_dbapi.connect(
            async_creator_fn=opened,
            prepared_statement_cache_size=kept,
            prepared_statement_name_func=None if kept else str,  # str() is no name
        )

    engine = create_async_engine("postgresql+asyncpg://", creator=connect, hide_parameters=True, **options)
    translate_errors(engine.sync_engine)
    return engine


def _one_by_one(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """Let each statement of *work* be a transaction by itself, without the round trips of BEGIN and COMMIT.

    In a shared session, *work* is one transaction, because settings do not last longer.
    """

    def run(connection: Connection) -> T:
        if not is_shared(connection.connection.driver_connection):
            return work(connection.execution_options(isolation_level="AUTOCOMMIT"))
        with connection.begin():
            return work(connection)

    return run
