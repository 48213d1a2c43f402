"""A load generator with little overhead: keep-alive HTTP/1.1 on asyncio streams."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One request to send."""

    method: str
    path: str
    body: bytes = b""

    def bytes_for(self, host: str, token: str) -> bytes:
        """Return the request as sent over the socket."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        if self.body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


def post(path: str, **fields: object) -> Request:
    """Return a POST request with *fields* as JSON."""
    return Request("POST", path, json.dumps(fields).encode())


@dataclass
class Load:
    """The result of a load."""

    seconds: float
    latencies: list[float]
    answers: list[bytes]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that *share* of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def send(
    port: int, token: str, requests: Sequence[Request], *, connections: int = 16, keep: int = 1
) -> Load:
    """Send *requests* over *connections*, one at a time on each; keep every *keep*-th answer."""
    waiting = iter(enumerate(requests))
    latencies: list[float] = []
    answers: dict[int, bytes] = {}

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, request in waiting:
            began = time.perf_counter()
            writer.write(request.bytes_for(f"127.0.0.1:{port}", token))
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            length = int(lower.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            latencies.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{request.method} {request.path}: {head[:40]!r} {body[:300]!r}")
            if number % keep == 0:
                answers[number] = body
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    seconds = time.perf_counter() - began
    return Load(seconds, latencies, [answers[number] for number in sorted(answers)])


Make = Callable[[int], list[Request]]
"""Returns the given number of requests."""
