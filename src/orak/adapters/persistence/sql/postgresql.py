import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from orak.adapters.persistence.sql.connections import PATIENCE, Runner, translate_errors
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

_ONLY_LIBPQ = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "require_auth",
        "requirepeer",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)
"""Parameters of libpq URLs that asyncpg does not know and would send to the server as settings."""

_BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_SYSTEM = "system"
"""The value of `sslrootcert` that means the certificate authorities of the system, not a file."""


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
        self._engine = _engine(url, _LIMITS, admit, pool_size=size, max_overflow=0, pool_timeout=patience)
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

    return _run(_once(url, _LIMITS_OF_MIGRATIONS, run))


def read_once(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work*, which only reads, on a connection of its own."""
    return _run(_once(url, _LIMITS, work))


def _run(once: Coroutine[None, None, T]) -> T:
    with ThreadPoolExecutor(1) as thread:  # the calling thread may already run an event loop
        return thread.submit(asyncio.run, once).result()


async def _once(url: str, limits: Mapping[str, str], work: Callable[[Connection], T]) -> T:
    engine = _engine(url, limits, lambda: None, poolclass=NullPool)
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
        except _BROKEN as error:  # SQLAlchemy does not translate errors of its first statements
            raise Unavailable(f"the database: {_first_line(error)}") from error
        yield connection


def _engine(
    url: str,
    limits: Mapping[str, str],
    admit: Callable[[], None],
    **options: Any,  # noqa: ANN401 - passed on to SQLAlchemy
) -> AsyncEngine:
    dsn, settings, patience = _for_asyncpg(url, limits)
    parameters = dict(parse_qsl(urlsplit(url).query))

    async def connect() -> asyncpg.Connection:
        admit()
        try:
            return await asyncpg.connect(
                dsn,
                server_settings=settings,
                timeout=patience,
                command_timeout=_command_timeout(limits),
                ssl=_system_trust(parameters),
            )
        except (ValueError, *_BROKEN) as error:
            raise Unavailable(f"the database: {_unreadable(parameters) or _first_line(error)}") from error

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **options
    )
    translate_errors(engine.sync_engine)
    return engine


def _system_trust(parameters: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return TLS settings for `sslrootcert=system`, else None.

    asyncpg would read `system` as a file name. As in libpq, certificate and host name are both verified.
    """
    if parameters.get("sslrootcert") != _SYSTEM:
        return None
    context = ssl.create_default_context()
    if "sslcert" in parameters:
        context.load_cert_chain(
            parameters["sslcert"], parameters.get("sslkey"), parameters.get("sslpassword", "")
        )
    return context


def _unreadable(parameters: Mapping[str, str]) -> str | None:
    """Name a TLS file of the URL that cannot be read: the TLS library does not."""
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if name in parameters and parameters[name] != _SYSTEM and not os.access(parameters[name], os.R_OK):
            return f"{name} is {parameters[name]}, which cannot be read"
    return None


def _command_timeout(limits: Mapping[str, str]) -> float | None:
    return None if limits["statement_timeout"] == "0" else _ANSWER_TIMEOUT


def _first_line(error: Exception) -> str:
    """Return the first line of the message; the lines after it may quote rows."""
    line = str(error).partition("\n")[0]
    return line or ("no connection in time" if isinstance(error, TimeoutError) else type(error).__name__)


def _for_asyncpg(url: str, limits: Mapping[str, str]) -> tuple[str, dict[str, str], float]:
    """Return the URL for asyncpg, the server settings, and the seconds to connect in.

    The URL's own parameters override *limits*; parameters that asyncpg does not know are left out.
    """
    parts = urlsplit(url)
    parameters = dict(parse_qsl(parts.query))
    known = {name: value for name, value in parameters.items() if name not in _ONLY_LIBPQ}
    patience = parameters.get("connect_timeout", "")
    return (
        parts._replace(query=urlencode(known)).geturl(),
        {name: value for name, value in limits.items() if name not in known},
        float(patience) if patience.isdecimal() and int(patience) else PATIENCE,  # in libpq, 0 means no limit
    )


def _skip_closed(_connection: object, _: ConnectionPoolEntry, pooled: PoolProxiedConnection) -> None:
    # A server that stops closes its connections, and asyncpg notices. Skipping those connections makes a
    # restart invisible to later callers, without a ping before every use.
    driver = pooled.driver_connection
    if driver is None or driver.is_closed():
        raise DisconnectionError
