"""A connection to PostgreSQL that breaks after any number of messages."""

import asyncio
import contextlib

import pytest
from sqlalchemy import literal_column, select, text

from orak.adapters.persistence.sql.postgresql import PostgresqlConnections
from orak.adapters.persistence.sql.statements import Statement
from orak.application.ports.failures import Unavailable

MOST = 120
"""More messages than one conversation exchanges."""

THREE = Statement(select(literal_column("3")))


@contextlib.asynccontextmanager
async def cut_after(messages: int, socket: str, *, answered: bool):
    """Proxy *socket* on a TCP port until this many messages passed; yield the port.

    Messages to the server count, or with *answered* those of the server.
    """
    left, served = messages, []

    async def serve(reader, writer):
        served.append(writer)
        there, back = await asyncio.open_unix_connection(socket)

        async def pipe(source, target, *, counts):
            nonlocal left
            with contextlib.suppress(OSError):
                while left > 0 and (some := await source.read(2**16)):
                    left -= counts
                    target.write(some)
                    await target.drain()
            await asyncio.sleep(0)  # let the transport send what was written
            for end in [writer] if left > 0 else served:
                end.transport.abort()
            back.transport.abort()

        await asyncio.gather(pipe(reader, back, counts=not answered), pipe(there, writer, counts=answered))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def converse(port):
    """Read and write concurrently; return whether all calls succeeded.

    Only `Unavailable` may be raised.
    """
    connections = PostgresqlConnections(f"postgresql://postgres@127.0.0.1:{port}/postgres")

    async def one():
        for _ in range(2):
            assert await connections.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
            await connections.write(lambda connection: connection.execute(text("SELECT 2")).all())
            assert [tuple(row) for row in await connections.fetch(THREE, {})] == [(3,)]

    outcomes = await asyncio.gather(*(one() for _ in range(3)), return_exceptions=True)
    await connections.close()
    for outcome in outcomes:
        if outcome is not None and not isinstance(outcome, Unavailable):
            raise outcome
    return outcomes == [None] * 3


@pytest.mark.parametrize("answered", [False, True])
async def test_a_broken_connection_raises_only_unavailable(postgresql_server, answered):
    socket = f"{postgresql_server.folder}/.s.PGSQL.5432"
    done = []
    for messages in range(MOST):
        async with asyncio.timeout(20), cut_after(messages, socket, answered=answered) as port:
            done.append(await converse(port))
            if done[-1]:
                break
    assert done[-1]
    assert len(done) > 5


@contextlib.asynccontextmanager
async def a_relay_that_falls_silent(socket):
    """Proxy *socket* on a TCP port; yield the port and an event. While it is set, no answers pass."""
    silent, served = asyncio.Event(), set()

    async def serve(reader, writer):
        served.add(asyncio.current_task())
        there, back = await asyncio.open_unix_connection(socket)

        async def pipe(source, target, *, answers):
            with contextlib.suppress(OSError):
                while some := await source.read(2**16):
                    if not (answers and silent.is_set()):
                        target.write(some)
            target.close()

        await asyncio.gather(pipe(reader, back, answers=False), pipe(there, writer, answers=True))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], silent
    await asyncio.wait(served)


SHORT_SLEEP = Statement(select(literal_column("1")).select_from(text("pg_sleep(0.3)")))
SLEEP = Statement(select(literal_column("1")).select_from(text("pg_sleep(20)")))


def reads(connections):
    return connections.read(lambda connection: connection.scalar(text("SELECT 1")))


def writes(connections):
    return connections.write(lambda connection: connection.scalar(text("SELECT 1")))


def fetches(connections):
    return connections.fetch(THREE, {})


@pytest.mark.parametrize("call", [reads, writes, fetches])
async def test_a_server_that_falls_silent_is_unavailable_at_once(postgresql_server, call):
    socket = f"{postgresql_server.folder}/.s.PGSQL.5432"
    async with a_relay_that_falls_silent(socket) as (port, silent):
        connections = PostgresqlConnections(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        connections.sessions._answer_timeout = 0.5
        await asyncio.gather(*(call(connections) for _ in range(5)))  # the sessions are warm
        silent.set()
        async with asyncio.timeout(2):  # as long as SQLAlchemy waits for the server's goodbye
            with pytest.raises(Unavailable):
                await call(connections)
        silent.clear()
        assert await call(connections)
        await connections.close()


async def test_a_cancelled_statement_takes_its_connection_with_it(postgresql_server):
    connections = PostgresqlConnections(postgresql_server.url(), size=2)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active'"
    others = f"{busy} AND pid <> pg_backend_pid()"
    async with connections._engine.connect() as connection:  # which is used again
        session = (await connection.get_raw_connection()).driver_connection
    sleeping = asyncio.create_task(connections.fetch(SLEEP, {}))
    async with asyncio.timeout(20):
        while await asyncio.to_thread(postgresql_server.sql, others) == "0":
            pass
        sleeping.cancel()
        await asyncio.wait({sleeping})
        assert sleeping.cancelled()
        assert session.is_closed()
        while await asyncio.to_thread(postgresql_server.sql, others) != "0":
            pass  # the server cancels the statement, before its time is over
        assert [tuple(row) for row in await connections.fetch(THREE, {})] == [(3,)]
    await connections.close()


async def test_closing_waits_for_a_read_in_flight(postgresql_server):
    connections = PostgresqlConnections(postgresql_server.url(), size=2)
    async with connections._engine.connect() as connection:  # which is used again
        session = (await connection.get_raw_connection()).driver_connection
    reading = asyncio.create_task(connections.fetch(SHORT_SLEEP, {}))
    await asyncio.sleep(0)
    await connections.close()
    assert session.is_closed()
    assert [tuple(row) for row in await reading] == [(1,)]
