"""Sessions on a PostgreSQL server that takes writes."""

import asyncio
import logging
from collections.abc import Callable, Mapping

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints

from orak.adapters.persistence.sql.connections import PATIENCE
from orak.adapters.persistence.sql.postgresql_url import Pooler, PostgresqlServer, PostgresqlUrl
from orak.application.ports.failures import Unavailable

BROKEN = (
    *(OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)
"""What asyncpg raises if a server cannot be reached, refuses, or breaks off.

`InternalClientError` is among it because asyncpg raises that if a server goes in the middle of its questions.
"""

_log = logging.getLogger(__name__)

_KIND = "SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"

_ARRAYS = "SELECT $1::bigint[]"
"""asyncpg looks up the type of an array when it first meets one, which takes two statements of its own."""

_AT_START = ("application_name", "options")
"""Settings that are sent as startup parameters to poolers too; PgBouncer refuses most others."""

_ISOLATION = "default_transaction_isolation"


class SharedSession(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no type hints
    """A session on a pooler that gives each transaction another server's session.

    Settings last for one transaction, so each transaction begins with them. Prepared statements have no names
    and are not kept.
    """

    begin: str

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109 - as in asyncpg
        """Execute *query*; BEGIN also applies the settings, in the same message."""
        words = self.begin if query == "BEGIN;" else query
        done: str = await super().execute(words, *args, timeout=timeout)
        return done


def is_shared(session: object) -> bool:
    """Whether *session* is a `SharedSession`; `isinstance` is true for every connection of asyncpg."""
    return type(session) is SharedSession


class _PoolerFound(Exception):
    """The other end of the connection is a pooler."""


class Sessions:
    """Opens sessions on the first server of a URL that takes writes; the last one found is asked first.

    A pooler is recognised by its process id, which is not that of the server's process behind it, or because
    it refuses a startup parameter.
    """

    def __init__(
        self,
        url: str,
        settings: Mapping[str, str],
        *,
        answer_timeout: float | None,
        pooler: Pooler = "auto",
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        """Open sessions with *settings*, which those of the URL override.

        With *pooler* `auto`, a pooler may work in either mode.

        A statement without an answer for *answer_timeout* seconds ends the session. *admit* runs before each
        new session and may raise `Unavailable`.
        """
        self._url = PostgresqlUrl.parse(url)
        self._settings = {**settings, **self._url.settings}
        self._pooler = pooler
        self._answer_timeout = answer_timeout
        self._admit = admit
        self._servers = list(self._url.servers)

    async def open(self) -> asyncpg.Connection:
        """Open a session. Raise `Unavailable` if no server will do."""
        self._admit()
        problems = []
        for server in list(self._servers):
            try:
                session = await self._open(server)
            except (ValueError, *BROKEN) as error:
                problems.append((server, error))
            else:
                self._servers.sort(key=lambda other: other is not server)
                return session
        raise Unavailable(f"the database: {self._told(problems)}") from problems[-1][1]

    async def _open(self, server: PostgresqlServer) -> asyncpg.Connection:
        async with asyncio.timeout(self._url.connect_timeout or PATIENCE / len(self._servers)):
            try:
                return await self._open_as(self._pooler, server)
            except _PoolerFound:
                if self._pooler == "auto":
                    _log.info(
                        "a pooler stands in front of PostgreSQL: each transaction brings its settings",
                        extra={"event": "pooler"},
                    )
                    self._pooler = "transaction"
                return await self._open_as(self._pooler, server)

    async def _open_as(self, pooler: Pooler, server: PostgresqlServer) -> asyncpg.Connection:
        settings = dict(self._settings)
        at_start = settings
        if pooler != "auto":
            at_start = {name: settings.pop(name) for name in _AT_START if name in settings}
        shared = {"connection_class": SharedSession, "statement_cache_size": 0}
        try:
            session = await asyncpg.connect(
                self._url.dsn,
                host=server.address,
                port=server.port,
                ssl=self._url.trust(server),
                server_settings=at_start,
                command_timeout=self._answer_timeout,
                target_session_attrs="any",  # `_check` asks
                **(shared if pooler == "transaction" else {}),
            )
        except asyncpg.PostgresError as refusal:
            if pooler == "auto" and "unsupported startup parameter" in str(refusal):
                raise _PoolerFound from refusal
            raise
        try:
            if pooler == "transaction":
                isolation = settings.pop(_ISOLATION)
                session.begin = f"BEGIN ISOLATION LEVEL {isolation}; {_applied(settings, local=True)}"
                async with session.transaction():
                    pass  # a setting that the server refuses is an error of this connection
            elif pooler == "session":
                await session.execute(_applied(settings, local=False))
            await self._check(session, may_be_pooled=pooler != "auto")
            await session.fetch(_ARRAYS, [])
        except BaseException:
            session.terminate()
            raise
        return session

    async def _check(self, session: asyncpg.Connection, *, may_be_pooled: bool) -> None:
        process, standby, read_only = await (await session.prepare(_KIND, name="")).fetchrow()
        if not may_be_pooled and process != session.get_server_pid():
            raise _PoolerFound
        if not self._url.accepts(standby=standby, read_only=read_only):
            kind = "a standby" if standby else "read-only"
            raise asyncpg.ReadOnlySQLTransactionError(f"the server is {kind}")

    def _told(self, problems: list[tuple[PostgresqlServer, Exception]]) -> str:
        if unreadable := self._url.unreadable():
            return unreadable
        if len(problems) == 1:
            return first_line(problems[0][1])
        return "; ".join(f"{server}: {first_line(error)}" for server, error in problems)


def first_line(error: Exception) -> str:
    """Return the first line of the message; the lines after it may quote rows."""
    line = str(error).partition("\n")[0]
    return line or ("no connection in time" if isinstance(error, TimeoutError) else type(error).__name__)


def _applied(settings: Mapping[str, str], *, local: bool) -> str:
    """Return the statement that applies *settings*, to the transaction if *local*, else to the session."""
    calls = (f"set_config({_quoted(name)}, {_quoted(value)}, {local})" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'"
