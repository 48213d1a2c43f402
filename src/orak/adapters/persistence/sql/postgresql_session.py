"""Sessions on a PostgreSQL server that takes writes."""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints

from orak.adapters.persistence.sql.connections import PATIENCE
from orak.adapters.persistence.sql.postgresql_url import PostgresqlServer, PostgresqlUrl
from orak.application.ports.failures import Unavailable

BROKEN = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What asyncpg raises if a server cannot be reached, refuses, or breaks off."""

_KIND = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"


class Sessions:
    """Opens sessions on the first server of a URL that takes writes; the last one found is asked first."""

    def __init__(
        self,
        url: str,
        settings: Mapping[str, str],
        *,
        answer_timeout: float | None,
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        """Open sessions with *settings*, which those of the URL override.

        A statement without an answer for *answer_timeout* seconds ends the session. *admit* runs before each
        new session and may raise `Unavailable`.
        """
        self._url = PostgresqlUrl.parse(url)
        self._settings = {**settings, **self._url.settings}
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
            session = await asyncpg.connect(
                self._url.dsn,
                host=server.address,
                port=server.port,
                ssl=self._url.trust(server),
                server_settings=self._settings,
                command_timeout=self._answer_timeout,
                target_session_attrs="any",  # asked below: asyncpg's way breaks behind a pooler
            )
            try:
                await self._check_kind(session)
            except BaseException:
                session.terminate()
                raise
        return session

    async def _check_kind(self, session: asyncpg.Connection) -> None:
        standby, read_only = await session.fetchrow(_KIND)
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
