"""A server that dies at any moment of a conversation, from the first word on."""

import asyncio
import contextlib

import pytest
from sqlalchemy import text

from orak.adapters.persistence.sql.postgresql import PostgresqlConnections
from orak.application.ports.failures import Unavailable

MOST = 60
"""More messages than a conversation has."""


@contextlib.asynccontextmanager
async def cut_after(messages: int, socket: str, *, answered: bool):
    """Serve what lies behind *socket* until so many messages went there, or came back; yield the port."""
    left = messages

    async def serve(reader, writer):
        there, back = await asyncio.open_unix_connection(socket)

        async def pipe(source, target, *, counts):
            nonlocal left
            with contextlib.suppress(OSError):
                while left and (some := await source.read(2**16)):
                    left -= counts
                    target.write(some)
                    await target.drain()
            if not left:
                await asyncio.sleep(0)  # what was passed on goes out
                writer.transport.abort()
            back.transport.abort()

        await asyncio.gather(pipe(reader, back, counts=not answered), pipe(there, writer, counts=answered))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def converse(port):
    """Read and write; return whether all of it was done. Only an outage may be raised."""
    connections = PostgresqlConnections(f"postgresql://postgres@127.0.0.1:{port}/postgres")
    try:
        for _ in range(2):
            assert await connections.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
            await connections.write(lambda connection: connection.execute(text("SELECT 2")).all())
    except Unavailable:
        return False
    finally:
        await connections.close()
    return True


@pytest.mark.parametrize("answered", [False, True])
async def test_it_is_an_outage_and_nothing_else(postgresql_server, answered):
    socket = f"{postgresql_server.folder}/.s.PGSQL.5432"
    done = []
    for messages in range(MOST):
        async with asyncio.timeout(20), cut_after(messages, socket, answered=answered) as port:
            done.append(await converse(port))
            if done[-1]:
                break
    assert done[-1]
    assert len(done) > 5
