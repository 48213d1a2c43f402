"""A proxy before PostgreSQL that counts statements and round trips, as they go over the socket.

Nothing in the client is patched, so any driver is counted. See
https://www.postgresql.org/docs/current/protocol-message-formats.html for the messages.
"""

import asyncio
import shutil
import struct
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from postgresql_server import Server

_SOCKET = ".s.PGSQL.5432"
_PLAIN_START = 3 << 16  # protocol 3.0; requests for encryption and cancellation have other numbers


@dataclass
class Counted:
    """What clients sent while it was counted."""

    statements: list[str] = field(default_factory=list)
    """The text of each statement that was executed, also of BEGIN and COMMIT."""

    round_trips: int = 0
    """How often a client asked the server and waited for its answer."""


class CountingProxy:
    """Passes everything on, and counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counts: list[Counted] = []

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database behind the proxy."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """Count what is sent in the block."""
        counted = Counted()
        self._counts.append(counted)
        try:
            yield counted
        finally:
            self._counts.remove(counted)

    def executed(self, statement: str) -> None:
        for counted in self._counts:
            counted.statements.append(statement)

    def awaited(self) -> None:
        for counted in self._counts:
            counted.round_trips += 1


class _Messages:
    """The messages of one client."""

    def __init__(self, proxy: CountingProxy) -> None:
        self._proxy = proxy
        self._received = bytearray()
        self._started = False
        self._prepared: dict[bytes, str] = {}
        self._bound: dict[bytes, str] = {}

    def feed(self, data: bytes) -> None:
        """Read complete messages and keep the rest."""
        self._received += data
        while True:
            head = 1 if self._started else 0  # the first message has no type
            if len(self._received) < head + 4:
                return
            (length,) = struct.unpack_from("!I", self._received, head)
            if len(self._received) < head + length:
                return
            kind, body = bytes(self._received[:head]), bytes(self._received[head + 4 : head + length])
            del self._received[: head + length]
            if self._started:
                self._read(kind, body)
            else:
                self._started = struct.unpack_from("!I", body)[0] == _PLAIN_START

    def _read(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"Q":
                self._proxy.executed(body.rstrip(b"\0").decode())
                self._proxy.awaited()
            case b"P":
                name, text, _ = body.split(b"\0", 2)
                self._prepared[name] = text.decode()
            case b"B":
                portal, name, _ = body.split(b"\0", 2)
                self._bound[portal] = self._prepared[name]
            case b"E":
                self._proxy.executed(self._bound[body.split(b"\0", 1)[0]])
            case b"S":
                self._proxy.awaited()


@asynccontextmanager
async def counting_proxy(server: Server) -> AsyncIterator[CountingProxy]:
    """Run a proxy before *server* until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="orak-wire-"))  # the path of a Unix socket must be short
    proxy = CountingProxy(folder)
    carried: set[asyncio.Task[None]] = set()

    async def pump(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, messages: _Messages | None
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if messages is not None:
                    messages.feed(data)
                target.write(data)
                await target.drain()
        target.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.add(cast("asyncio.Task[None]", asyncio.current_task()))
        answers, upstream = await asyncio.open_unix_connection(str(server.folder / _SOCKET))
        await asyncio.gather(pump(reader, upstream, _Messages(proxy)), pump(answers, writer, None))

    try:
        async with await asyncio.start_unix_server(carry, folder / _SOCKET):
            yield proxy
            await asyncio.wait_for(asyncio.gather(*carried), 20)  # clients have closed their connections
    finally:
        shutil.rmtree(folder)
