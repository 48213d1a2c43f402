"""Networks between orak and what it stands on: slow, leaky, cut, or with a store that says it is busy."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

_DELAY = 0.3
_DROPS = 0.05
_CHUNK = 2**16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_BUSY = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Busy.</Message></Error>'
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BUSY), _BUSY)
)


class Link:
    """One way to one part, which may be harmed; it runs on a loop and a thread of its own."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]], *, http: bool) -> None:
        """Lead to what *connect* opens; only of what speaks *http* it can be told that it is busy."""
        self.faults = ("slow", "cut", "busy") if http else ("slow", "cut")
        self.port = 0
        self._connect = connect
        self._random = random.Random(0)
        self._is_slow = self._is_busy = False
        self._passes = asyncio.Event()
        self._passes.set()
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

    async def harm(self, fault: str, seconds: float, seed: float) -> None:
        """Do it for that long; *seed* decides what is dropped."""
        self._random = random.Random(seed)
        self._loop.call_soon_threadsafe(self._begin, fault)
        await asyncio.sleep(seconds)
        self._loop.call_soon_threadsafe(self._mend)

    def _begin(self, fault: str) -> None:
        if fault == "slow":
            self._is_slow = True
        elif fault == "cut":
            self._passes.clear()
        else:
            self._is_busy = True
            for writer in self._open:
                writer.transport.abort()

    def _mend(self) -> None:
        self._is_slow = self._is_busy = False
        self._passes.set()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._mend()
        for writer in self._open:
            writer.transport.abort()  # which ends whoever reads from it
        if left := asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(asyncio.wait(left, timeout=5))
        self._loop.run_until_complete(asyncio.sleep(0))  # for transports to close
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        async with server:
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        self._open.add(writer)
        try:
            if self._is_busy:
                await _refuse(reader, writer)
                return
            await self._passes.wait()
            there, back = await self._connect()
            ends.append(back)
            self._open.add(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, back, delayed=True))
                both.create_task(self._pass(there, writer, delayed=False))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in ends:
                self._open.discard(end)
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, delayed: bool
    ) -> None:
        while some := await reader.read(_CHUNK):
            await self._passes.wait()
            if self._is_slow and delayed:
                await asyncio.sleep(_DELAY)
                if self._random.random() < _DROPS:
                    raise ConnectionAbortedError
            writer.write(some)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request whole, since who is still sending would not read the answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"expect: 100-continue" not in head:
        _, stated, rest = head.partition(b"content-length:")
        await reader.readexactly(int(rest.split(b"\r\n")[0]) if stated else 0)
    writer.write(_ANSWER)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
