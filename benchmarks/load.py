"""A load generator with little overhead: keep-alive HTTP/1.1 on raw sockets, one thread, no event loop.

It shares the cores with the server, so what it spends is taken from both sides alike. `own_cost` measures it.
"""

import gc
import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_PATIENCE_SECONDS = 60


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
    own_cpu: float
    """CPU seconds of the load generator."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that *share* of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)  # with another timeout, Python would poll before each call
        self._received = b""
        self._wanted = 0
        self.number = 0
        self._began = 0.0

    def send(self, number: int, request: bytes) -> None:
        """Send a request; the answer to the one before has been read."""
        self.number = number
        self._received, self._wanted = b"", 0
        self._began = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> float | None:
        """Read what has arrived; return the latency once the answer is complete."""
        # A larger buffer would be mapped and unmapped by the allocator for each call.
        data = self.socket.recv(65_536)
        if not data:
            raise RuntimeError(f"the server closed the connection of request {self.number}")
        received = self._received = self._received + data if self._received else data
        if not self._wanted:
            end = received.find(_END)
            if end < 0:
                return None
            if not received.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"request {self.number}: {received[:400]!r}")
            # Headers are ASCII, and lower() of a few hundred bytes costs less than a search for each case.
            place = received[:end].lower().index(_LENGTH) + len(_LENGTH)
            self._wanted = end + len(_END) + int(received[place:end].split(b"\r\n", 1)[0])
        if len(received) < self._wanted:
            return None
        if len(received) > self._wanted:
            raise RuntimeError(f"request {self.number}: the answer is longer than it says")
        return time.perf_counter() - self._began

    @property
    def body(self) -> bytes:
        return self._received.partition(_END)[2]


def send(
    port: int,
    token: str,
    requests: Sequence[Request],
    *,
    connections: int = 16,
    keep: int = 1,
    rate: float | None = None,
) -> Load:
    """Send *requests* over *connections*, one at a time on each; keep every *keep*-th answer.

    Each status and each length is checked. At most *rate* requests a second are sent, without it as many as
    the server answers.

    Raises:
        RuntimeError: an answer is not 200, or shorter or longer than it says.
    """
    host = f"127.0.0.1:{port}"
    made = [request.bytes_for(host, token) for request in requests]
    latencies: list[float] = []
    answers: dict[int, bytes] = {}
    opened = [_Connection(port) for _ in range(connections)]
    gc.collect()
    gc.disable()
    try:
        busy_before, began = time.process_time(), time.perf_counter()
        with select.epoll() as ready:
            by_descriptor = {connection.socket.fileno(): connection for connection in opened}
            for descriptor in by_descriptor:
                ready.register(descriptor, select.EPOLLIN)
            idle, sent = deque(opened), 0
            while len(latencies) < len(made):
                now = time.perf_counter()
                while idle and sent < len(made) and (rate is None or now >= began + sent / rate):
                    idle.popleft().send(sent, made[sent])
                    sent += 1
                is_early = idle and sent < len(made) and rate is not None
                pause = began + sent / rate - now if is_early and rate else _PATIENCE_SECONDS
                events = ready.poll(max(0, pause))
                if not events and not is_early:
                    raise RuntimeError(f"no answer within {_PATIENCE_SECONDS} s")
                for descriptor, _ in events:
                    connection = by_descriptor[descriptor]
                    latency = connection.receive()
                    if latency is None:
                        continue
                    latencies.append(latency)
                    if connection.number % keep == 0:
                        answers[connection.number] = connection.body
                    idle.append(connection)
        seconds, own_cpu = time.perf_counter() - began, time.process_time() - busy_before
    finally:
        gc.enable()
        for connection in opened:
            connection.socket.close()
    return Load(seconds, latencies, [answers[number] for number in sorted(answers)], own_cpu)


Make = Callable[[int], list[Request]]
"""Returns the given number of requests."""


_TRIVIAL_SERVER = """
import asyncio, uvloop

BODY = b"{" + b" " * 598 + b"}"
ANSWER = b"HTTP/1.1 200 OK\\r\\ncontent-length: 600\\r\\n\\r\\n" + BODY

class Trivial(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""


def own_cost(rounds: int = 3) -> tuple[float, float]:
    """Return the requests a second and the CPU seconds a request of this generator.

    The server answers without looking at the request, so the rate is the most that can be measured.
    """
    requests = [post("/", number=number) for number in range(10_000)]
    process = subprocess.Popen([sys.executable, "-c", _TRIVIAL_SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        loads = [send(port, "token", requests, keep=1000) for _ in range(rounds)]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return median(load.rate for load in loads), median(load.own_cpu for load in loads) / len(requests)
