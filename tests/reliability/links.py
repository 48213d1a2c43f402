"""Network links between orak and its services that can be slow, lossy, cut, or answer 503."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

_DELAY_SECONDS = 0.3
_DROP_PROBABILITY = 0.05
_CHUNK = 2**16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_BUSY_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Busy.</Message></Error>'
)
_BUSY_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BUSY_BODY), _BUSY_BODY)
)


class Link:
    """A TCP proxy to one service that can inject faults. It runs on its own event loop and thread."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]], *, http: bool) -> None:
        """Forward to what *connect* opens. The fault "busy" exists for *http* only."""
        self.faults = ("slow", "cut", "busy") if http else ("slow", "cut")
        self.port = 0
        self._connect = connect
        self._random = random.Random(0)
        self._is_slow = self._is_busy = False
        self._connected = asyncio.Event()
        self._connected.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._serving = self._loop.create_task(self._serve())

    @contextmanager
    def running(self) -> Iterator["Link"]:
        thread = threading.Thread(target=self._run)
        thread.start()
        assert self._listening.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._serving.cancel)
            thread.join()

    async def inject(self, fault: str, seconds: float, seed: float) -> None:
        """Keep *fault* up for *seconds*; *seed* decides which connections are dropped."""
        self._random = random.Random(seed)
        self._loop.call_soon_threadsafe(self._begin, fault)
        await asyncio.sleep(seconds)
        self._loop.call_soon_threadsafe(self._heal)

    def _begin(self, fault: str) -> None:
        if fault == "slow":
            self._is_slow = True
        elif fault == "cut":
            self._connected.clear()
        else:
            self._is_busy = True
            for writer in self._open:
                writer.transport.abort()

    def _heal(self) -> None:
        self._is_slow = self._is_busy = False
        self._connected.set()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._heal()
        for writer in self._open:
            writer.transport.abort()  # ends the tasks that read from it
        if left := asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(asyncio.wait(left, timeout=5))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets the transports close
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        async with server:
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        self._open.add(writer)
        try:
            if self._is_busy:
                await _refuse(reader, writer)
                return
            await self._connected.wait()
            remote_reader, remote_writer = await self._connect()
            writers.append(remote_writer)
            self._open.add(remote_writer)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass(reader, remote_writer, delayed=True))
                directions.create_task(self._pass(remote_reader, writer, delayed=False))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in writers:
                self._open.discard(end)
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delayed: bool
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._connected.wait()
            if self._is_slow and delayed:
                await asyncio.sleep(_DELAY_SECONDS)
                if self._random.random() < _DROP_PROBABILITY:
                    raise ConnectionAbortedError
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read a whole request and answer 503; a client that is still sending would not read the answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"expect: 100-continue" not in head:
        _, stated, rest = head.partition(b"content-length:")
        await reader.readexactly(int(rest.split(b"\r\n")[0]) if stated else 0)
    writer.write(_BUSY_RESPONSE)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
