"""`python -m benchmarks.streams [N]`: N event streams and N WebSockets on one `orak serve`.

Prints what each costs in memory, and how long a change takes to reach all that follow it.
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

from benchmarks import servers
from benchmarks.servers import SECRET, Server

_USERS = 50
_ROUNDS = 5

OnEvent = Callable[[dict[str, object]], None]


def _token(user: int) -> str:
    return jwt.encode({"sub": str(user), "exp": int(time.time()) + 3600}, SECRET, "HS256")


def _resident(server: Server) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


async def _listen(server: Server, user: int, opened: asyncio.Semaphore, on_event: OnEvent) -> None:
    """Read server-sent events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET /records/async/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {_token(user)}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    opened.release()
    async for line in reader:
        if line.startswith(b"data: "):
            on_event(json.loads(line[6:]))


async def _dial(server: Server, user: int, opened: asyncio.Semaphore, on_event: OnEvent) -> None:
    """Read a WebSocket."""
    url = f"ws://127.0.0.1:{server.port}/records/async/live"
    async with connect(url, subprotocols=["bearer", _token(user)], proxy=None) as socket:  # type: ignore[list-item]
        opened.release()
        async for message in socket:
            on_event(json.loads(message))


async def _round(server: Server, arrivals: list[float]) -> list[float]:
    """Let every user name a take; return how long each follower waited to be told."""
    before = len(arrivals)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}/records/async") as http:
        for user in range(1, _USERS + 1):
            headers = {"Authorization": f"Bearer {_token(user)}"}
            take = {"originalFilename": "a.webm", "fileSize": 3, "contentType": "audio/webm"}
            signed = await http.post("/presigned-url", json=take, headers=headers)
            named = {"title": "t", "uploadId": signed.json()["uploadId"]}
            (await http.post("", json=named, headers=headers)).raise_for_status()
    await asyncio.sleep(3)
    return arrivals[before:]


async def measure(server: Server, each: int) -> None:
    """Open *each* of both kinds, and print what they cost."""
    arrivals: list[float] = []

    def on_event(event: dict[str, object]) -> None:
        arrivals.append(time.time() - datetime.fromisoformat(str(event["at"])).timestamp())

    empty, tasks = _resident(server), []
    kinds: list[tuple[str, Callable[..., Awaitable[None]]]] = [
        ("event streams", _listen),
        ("WebSockets", _dial),
    ]
    for name, kind in kinds:
        opened, began = asyncio.Semaphore(0), time.perf_counter()
        for number in range(each):
            tasks.append(asyncio.ensure_future(kind(server, number % _USERS + 1, opened, on_event)))
            if number % 50 == 49:
                await asyncio.sleep(0.1)
        for _ in range(each):
            await opened.acquire()
        now = _resident(server)
        size, seconds = (now - empty) / each / 1024, time.perf_counter() - began
        print(f"{each} {name}: {size:.0f} KiB each, open in {seconds:.1f} s")
        empty = now
    idle = server.cpu_seconds()
    await asyncio.sleep(10)
    print(f"idle, with all open: {(server.cpu_seconds() - idle) * 10:.1f} % of a core")
    for _ in range(_ROUNDS):
        told = sorted(await _round(server, arrivals))
        p50, p95 = statistics.median(told), told[int(len(told) * 0.95)]
        print(
            f"{len(told)} told: median {p50:.2f} s, p95 {p95:.2f} s, last {told[-1]:.2f} s after the change"
        )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Measure."""
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with TemporaryDirectory(prefix="orak-streams-") as folder, servers.orak(Path(folder), {}) as server:
        asyncio.run(measure(server, each))


if __name__ == "__main__":
    main()
