"""`python -m benchmarks.streams [N]`: N event streams and N WebSockets on one `orak serve`.

Prints the memory of each connection, and how long a change takes to reach every client.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import jwt
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from benchmarks import servers
from benchmarks.servers import SECRET, Server

_USERS = 50
_ROUNDS = 5

OnEvent = Callable[[dict[str, object]], None]


def _token(user: int) -> str:
    return jwt.encode({"sub": str(user), "exp": int(time.time()) + 3600}, SECRET, "HS256")


async def _read_event_stream(server: Server, user: int, opened: asyncio.Semaphore, on_event: OnEvent) -> None:
    """Pass every server-sent event to *on_event*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET /records/async/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {_token(user)}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    opened.release()
    async for line in reader:
        if line.startswith(b"data: "):
            on_event(json.loads(line[6:]))


async def _read_websocket(server: Server, user: int, opened: asyncio.Semaphore, on_event: OnEvent) -> None:
    """Pass every message of a WebSocket to *on_event*."""
    url = f"ws://127.0.0.1:{server.port}/records/async/live"
    protocols = [Subprotocol("bearer"), Subprotocol(_token(user))]
    async with connect(url, subprotocols=protocols, proxy=None) as socket:
        opened.release()
        async for message in socket:
            on_event(json.loads(message))


async def _round(server: Server, arrivals: list[float]) -> list[float]:
    """Create one record per user; return the seconds until each client received the event."""
    before = len(arrivals)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}/records/async") as http:
        for user in range(1, _USERS + 1):
            headers = {"Authorization": f"Bearer {_token(user)}"}
            upload = {"originalFilename": "a.webm", "fileSize": 3, "contentType": "audio/webm"}
            signed = await http.post("/presigned-url", json=upload, headers=headers)
            record = {"title": "t", "uploadId": signed.json()["uploadId"]}
            (await http.post("", json=record, headers=headers)).raise_for_status()
    await asyncio.sleep(3)
    return arrivals[before:]


async def measure(server: Server, each: int) -> None:
    """Open *each* connections of both kinds, and print their costs."""
    arrivals: list[float] = []

    def on_event(event: dict[str, object]) -> None:
        arrivals.append(time.time() - datetime.fromisoformat(str(event["at"])).timestamp())

    empty, tasks = server.memory(), []
    for name, kind in (("event streams", _read_event_stream), ("WebSockets", _read_websocket)):
        opened, began = asyncio.Semaphore(0), time.perf_counter()
        for number in range(each):
            tasks.append(asyncio.ensure_future(kind(server, number % _USERS + 1, opened, on_event)))
            if number % 50 == 49:
                await asyncio.sleep(0.1)
        for _ in range(each):
            await opened.acquire()
        now = server.memory()
        size, seconds = (now - empty) / each / 1024, time.perf_counter() - began
        print(f"{each} {name}: {size:.0f} KiB each, open in {seconds:.1f} s")
        empty = now
    idle = server.cpu_seconds()
    await asyncio.sleep(10)
    print(f"idle with all connections open: {(server.cpu_seconds() - idle) * 10:.1f} % of a core")
    for _ in range(_ROUNDS):
        delays = sorted(await _round(server, arrivals))
        p50, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
        print(
            f"{len(delays)} events received: median {p50:.2f} s, p95 {p95:.2f} s, "
            f"last {delays[-1]:.2f} s after the change"
        )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Start orak and measure."""
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with TemporaryDirectory(prefix="orak-streams-") as folder, servers.orak(Path(folder), {}) as server:
        asyncio.run(measure(server, each))


if __name__ == "__main__":
    main()
