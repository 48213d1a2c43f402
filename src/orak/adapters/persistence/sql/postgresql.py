import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from orak.adapters.persistence.sql.connections import PATIENCE, Runner, translate_errors
from orak.application.ports.failures import Unavailable

T = TypeVar("T")
P = ParamSpec("P")

_POOL = 10

_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    # Nothing slow belongs inside a transaction, so one that idles has lost its process or its way.
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read committed",
    "jit": "off",  # no statement here runs long enough to be worth compiling
    "application_name": "orak",
}

_LIMITS_OF_MIGRATIONS = _LIMITS | {"statement_timeout": "0", "lock_timeout": "60s"}

_DEAF_AFTER = 7.0
"""Seconds without an answer after which a server counts as gone: it ends statements sooner by itself."""

_MIGRATING = 0x6F72616B  # "orak": who holds this advisory lock may change the schema

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
"""Words of a libpq URL that asyncpg does not know: it would tell them to the server as settings."""


_BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_SYSTEM = "system"
"""Where `sslrootcert` has no file: the authorities that the system trusts."""


class PostgresqlConnections:
    """A pool of connections, run by asyncpg on the event loop.

    A cancelled caller's statement is cancelled at the server too, and its connection is rolled back before
    another gets it. *admit* is asked before each new connection, and may raise `Unavailable`.
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
        event.listen(self._engine.sync_engine, "checkout", _pass_over_closed)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on what is committed, each statement by itself."""
        async with _connected(self._reading) as connection:
            return await connection.run_sync(work, *args, **kwargs)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* in a transaction of its own: all of it happens, or none."""
        async with self.transaction() as transaction:
            return await transaction.run_sync(work, *args, **kwargs)

    async def write_at_once(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `write`, for *work* that is one statement, and so a transaction by itself."""
        return await self.read(work, *args, **kwargs)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runner]:
        """Begin a transaction; a clean exit commits, anything else leaves no trace."""
        async with _connected(self._engine) as connection, connection.begin():
            yield cast("Runner", connection)  # which names its parameters otherwise

    async def close(self) -> None:
        """Close them all."""
        await self._engine.dispose()


def migrate(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work* in a transaction of its own; of several processes, one after the other."""

    def run(connection: Connection) -> T:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        return work(connection)

    return _run(_once(url, _LIMITS_OF_MIGRATIONS, run))


def look(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work*, which only reads."""
    return _run(_once(url, _LIMITS, work))


def _run(once: Coroutine[None, None, T]) -> T:
    with ThreadPoolExecutor(1) as thread:  # where no loop runs, whoever calls
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
        except _BROKEN as error:  # by what SQLAlchemy tells a new connection, and translates no error of
            raise Unavailable(f"the database: {_first_line(error)}") from error
        yield connection


def _engine(
    url: str,
    limits: Mapping[str, str],
    admit: Callable[[], None],
    **options: Any,  # noqa: ANN401 - SQLAlchemy's own
) -> AsyncEngine:
    dsn, settings, patience = _for_asyncpg(url, limits)
    said = dict(parse_qsl(urlsplit(url).query))

    async def connect() -> asyncpg.Connection:
        admit()
        try:
            return await asyncpg.connect(
                dsn,
                server_settings=settings,
                timeout=patience,
                command_timeout=_command_timeout(limits),
                ssl=_trusting_the_system(said),
            )
        except (ValueError, *_BROKEN) as error:
            raise Unavailable(f"the database: {_unreadable(said) or _first_line(error)}") from error

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **options
    )
    translate_errors(engine.sync_engine)
    return engine


def _trusting_the_system(said: Mapping[str, str]) -> ssl.SSLContext | None:
    """TLS for `sslrootcert=system`, which asyncpg takes for a file's name; as in libpq, all is verified."""
    if said.get("sslrootcert") != _SYSTEM:
        return None
    context = ssl.create_default_context()
    if "sslcert" in said:
        context.load_cert_chain(said["sslcert"], said.get("sslkey"), said.get("sslpassword", ""))
    return context


def _unreadable(said: Mapping[str, str]) -> str | None:
    """Name the file of *said* that cannot be read: the error of TLS itself does not."""
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        if name in said and said[name] != _SYSTEM and not os.access(said[name], os.R_OK):
            return f"{name} is {said[name]}, which cannot be read"
    return None


def _command_timeout(limits: Mapping[str, str]) -> float | None:
    return None if limits["statement_timeout"] == "0" else _DEAF_AFTER


def _first_line(error: Exception) -> str:
    """What happened: the lines behind it may quote rows."""
    said = str(error).partition("\n")[0]
    return said or ("no connection in time" if isinstance(error, TimeoutError) else type(error).__name__)


def _for_asyncpg(url: str, limits: Mapping[str, str]) -> tuple[str, dict[str, str], float]:
    """Return *url* without what asyncpg does not know, the server's settings, and seconds to connect in.

    What the URL itself sets goes before *limits*.
    """
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query))
    known = {name: value for name, value in said.items() if name not in _ONLY_LIBPQ}
    patience = said.get("connect_timeout", "")
    return (
        parts._replace(query=urlencode(known)).geturl(),
        {name: value for name, value in limits.items() if name not in known},
        float(patience) if patience.isdecimal() and int(patience) else PATIENCE,  # 0: libpq would not end
    )


def _pass_over_closed(_connection: object, _: ConnectionPoolEntry, pooled: PoolProxiedConnection) -> None:
    # A server that ends closes its connections, and asyncpg has noticed. So after a restart nobody fails,
    # and nobody pays for a ping in advance.
    driver = pooled.driver_connection
    if driver is None or driver.is_closed():
        raise DisconnectionError
