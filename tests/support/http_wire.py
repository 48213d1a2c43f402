"""A proxy before an HTTP server that counts the requests it passes on."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_REQUEST = re.compile(rb"^(GET|HEAD|PUT|POST|DELETE) /")


@asynccontextmanager
async def counted_requests(port: int) -> AsyncIterator[tuple[str, Counter[str]]]:
    """Run a proxy before the server on *port*; yield its URL and the count of each method.

    A request is counted when the client's bytes begin with one, which holds for clients that do not
    pipeline.
    """
    counts: Counter[str] = Counter()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counting: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if counting and (request := _REQUEST.match(data)):
                    counts[request[1].decode()] += 1
                target.write(data)
                await target.drain()
        target.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, upstream = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as both:
            both.create_task(pump(reader, upstream, counting=True))
            both.create_task(pump(answers, writer, counting=False))

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}", counts
