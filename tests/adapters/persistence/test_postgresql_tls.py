"""TLS to PostgreSQL, configured by the libpq parameters of the URL.

The server from the wheel is built without TLS, so a TLS terminator stands in front of it.
"""

import asyncio
import contextlib
import ssl
import threading

import pytest
from sqlalchemy import text

from certificates import Authority
from orak.adapters.persistence.sql.postgresql import read_once
from orak.application.ports.failures import Unavailable

_TLS_WANTED = bytes.fromhex("0000000804d2162f")  # PostgreSQL's SSLRequest


class Terminator:
    """A proxy that speaks TLS like PostgreSQL and forwards to the socket of a server."""

    def __init__(self, context: ssl.SSLContext, behind: str) -> None:
        self._context = context
        self._behind = behind
        self.encrypted: list[bool] = []
        """Whether each connection was encrypted, in order; failed handshakes are not listed."""

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readexactly(len(_TLS_WANTED))
            is_encrypted = first == _TLS_WANTED
            if is_encrypted:
                writer.write(b"S")
                await writer.start_tls(self._context)
                first = b""
            server_reader, server_writer = await asyncio.open_unix_connection(self._behind)
            server_writer.write(first)
            self.encrypted.append(is_encrypted)
            await asyncio.gather(_pipe(reader, server_writer), _pipe(server_reader, writer))
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(2**16):
        writer.write(some)
        await writer.drain()
    writer.close()


@pytest.fixture(scope="module")
def authority():
    return Authority("the database's authority")


@pytest.fixture(scope="module")
def terminator(postgresql_server, authority, tmp_path_factory):
    """A terminator with a certificate for `localhost`; it has a `port`."""
    folder = tmp_path_factory.mktemp("terminator")
    for name, content in zip(("certificate", "key"), authority.issue("localhost"), strict=True):
        (folder / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    terminator = Terminator(context, f"{postgresql_server.folder}/.s.PGSQL.5432")
    listening, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(terminator.pass_on, "127.0.0.1", 0)
        terminator.port = server.sockets[0].getsockname()[1]
        listening.set()
        async with server:
            await server.serve_forever()

    serving = loop.create_task(serve())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(10)
    yield terminator
    loop.call_soon_threadsafe(serving.cancel)
    thread.join()


@pytest.fixture
def files(tmp_path, authority):
    """Authorities for the client: the right one, a wrong one, and an empty file."""
    (tmp_path / "right").write_bytes(authority.root)
    (tmp_path / "wrong").write_bytes(Authority("another authority").root)
    (tmp_path / "empty").touch()
    return tmp_path


@pytest.fixture
def is_encrypted(terminator, files):
    def is_encrypted(address: str) -> bool:
        url = "postgresql://postgres@" + address.format(port=terminator.port, files=files)
        assert read_once(url, lambda connection: connection.scalar(text("SELECT 1"))) == 1
        return terminator.encrypted.pop()

    return is_encrypted


@pytest.mark.parametrize(
    "address",
    [
        "localhost:{port}/postgres",
        "localhost:{port}/postgres?sslmode=require",
        "127.0.0.1:{port}/postgres?sslmode=verify-ca&sslrootcert={files}/right",
        "localhost:{port}/postgres?sslmode=verify-full&sslrootcert={files}/right",
        "localhost:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={files}/right",
        "nowhere.invalid:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-ca&sslrootcert={files}/right",
    ],
)
def test_connections_are_encrypted(is_encrypted, address):
    assert is_encrypted(address)


def test_sslmode_disable_turns_encryption_off(is_encrypted):
    assert not is_encrypted("localhost:{port}/postgres?sslmode=disable")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost:{port}/postgres?sslmode=require&sslrootcert={files}/wrong", "verify failed"),
        ("localhost:{port}/postgres?sslmode=verify-ca&sslrootcert={files}/wrong", "verify failed"),
        ("localhost:{port}/postgres?sslmode=verify-full&sslrootcert={files}/wrong", "verify failed"),
        ("127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={files}/right", "127.0.0.1"),
        (
            "elsewhere:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={files}/right",
            "elsewhere",
        ),
        (
            "localhost:{port}/postgres?sslmode=verify-full&sslrootcert={files}/none",
            "sslrootcert is {files}/none",
        ),
        ("localhost:{port}/postgres?sslmode=require&sslcert={files}/none", "sslcert is {files}/none"),
        ("localhost:{port}/postgres?sslmode=verify-full&sslrootcert={files}/empty", "certificate"),
        ("localhost:{port}/postgres?sslmode=verify-fully", "verify-full"),
    ],
)
def test_a_certificate_that_cannot_be_verified_is_refused(is_encrypted, files, address, reason):
    with pytest.raises(Unavailable) as refused:
        is_encrypted(address)
    assert reason.format(files=files) in str(refused.value)


def test_sslrootcert_system_trusts_the_authorities_of_the_system(is_encrypted, files, monkeypatch):
    url = "localhost:{port}/postgres?sslmode=verify-full&sslrootcert=system"
    with pytest.raises(Unavailable, match="verify failed"):
        is_encrypted(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(files / "right"))
    assert is_encrypted(url)
    with pytest.raises(Unavailable, match="not valid for '127"):
        is_encrypted(url.replace("localhost", "127.0.0.1"))
