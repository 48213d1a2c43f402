"""Finding out whether a pooler stands in front of PostgreSQL, and how it works."""

import asyncio
from typing import Literal

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints

from orak.adapters.persistence.sql.postgresql_session import BROKEN, Sessions, first_line
from orak.application.ports.failures import Unavailable

_SETTINGS = {"default_transaction_isolation": "read committed", "application_name": "orak"}
_ANSWER_TIMEOUT = 7.0
_TURN_SECONDS = 1.0
"""Seconds to wait for a server's session that another client may hold."""

_TURNS = 5
"""How often two clients take turns: a busy pooler may give a client the same session by chance."""


async def find_pooler(url: str) -> Literal["session", "transaction"] | None:
    """Return the mode of the pooler in front of the server; None without one.

    It is a session pooler if each transaction of a client has the same server process, even if another client
    began a transaction in between.

    Raise `Unavailable` if the server does not answer, or takes no writes.
    """
    sessions = Sessions(url, _SETTINGS, answer_timeout=_ANSWER_TIMEOUT, pooler="transaction")
    first = await sessions.open()
    try:
        process = await _process(first)
        return None if process == first.get_server_pid() else await _mode(sessions, first, process)
    except BROKEN as error:
        raise Unavailable(f"the database: {first_line(error)}") from error
    finally:
        first.terminate()


async def _mode(
    sessions: Sessions, first: asyncpg.Connection, process: int
) -> Literal["session", "transaction"]:
    try:
        second = await sessions.open()
    except Unavailable:
        return "session"  # the first client holds the only session
    try:
        for _ in range(_TURNS):
            if await _changes(first, second, process):
                return "transaction"
    finally:
        second.terminate()
    return "session"


async def _changes(first: asyncpg.Connection, second: asyncpg.Connection, process: int) -> bool:
    """Whether *first* loses its server process while *second* is in a transaction."""
    async with second.transaction():
        await second.fetchval(_PROCESS)
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                return await _process(first) != process
        except TimeoutError:  # it waits until the second ends
            return True


_PROCESS = "SELECT pg_backend_pid()"


async def _process(session: asyncpg.Connection) -> int:
    async with session.transaction():  # a transaction has one server process
        process: int = await session.fetchval(_PROCESS)
        return process
