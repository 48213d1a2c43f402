"""Many connections at once: requests for records and for uploads, side by side in closed loops.

`just mixed` prints throughput and latency of both kinds, each alone and together. `just soak` holds 512
connections busy for a minute, and prints the memory of the server and how fast it answers afterwards.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit

import jwt
import uvloop

from benchmarks import servers
from benchmarks.load import Request, post
from benchmarks.servers import SECRET, Server
from postgresql_server import Server as PostgresqlServer

DATABASES = ("sqlite", "postgresql")
SIZES = (16, 64, 256)

_GETS_TO_A_WRITE = 8
_RECORDS = 200
_WARM_UP_SECONDS = 1.0
_SECONDS = 5.0
_SOAK_CONNECTIONS = 512
_SOAK_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
"""How long a connection may be without an answer at the end; it then counts as an error."""


@dataclass
class Answers:
    """The answers to one kind of request within the measured time."""

    connections: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    """How often each status other than 2xx was answered, or no answer came."""

    @property
    def rate(self) -> float:
        """Successful answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that *share* of the answers did not exceed; 0 without answers."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def __str__(self) -> str:
        errors = ", ".join(f"{count} times {status}" for status, count in self.errors.items()) or "no errors"
        p50, p99, most = (1000 * self.percentile(share) for share in (0.5, 0.99, 1))
        return (
            f"{self.connections:3} connections, {self.rate:6,.0f}/s, "
            f"p50 {p50:5.1f}, p99 {p99:5.1f}, max {most:5.1f} ms, {errors}"
        )


@dataclass
class Loads:
    """What *gets* and *writes* reached together or, if one of them has no connections, alone."""

    gets: Answers
    writes: Answers
    cpu: float
    """CPU seconds of the server for each answer."""

    @property
    def rate(self) -> float:
        """Successful answers of both kinds per second."""
        return self.gets.rate + self.writes.rate

    @property
    def errors(self) -> int:
        """The number of failed requests."""
        return self.gets.errors.total() + self.writes.errors.total()

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that *share* of all answers did not exceed."""
        both = Answers(0, 1, self.gets.latencies + self.writes.latencies)
        return both.percentile(share)


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the one before is complete.

    The first request shows that the server has accepted the connection; the others follow after `begin`.
    """

    def __init__(self, requests: Iterator[bytes], answers: Answers) -> None:
        self._requests = requests
        self._answers = answers
        self._begin_at = self._stop_at = float("inf")
        self._received = b""
        self._sent_at = 0.0
        loop = asyncio.get_running_loop()
        self.accepted, self.over = loop.create_future(), loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # that of uvloop is no subclass
        self._send()

    def begin(self, begin_at: float, stop_at: float) -> None:
        """Send requests until *stop_at*; count those that are answered from *begin_at* on."""
        self._begin_at, self._stop_at = begin_at, stop_at
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        self._received = b""
        if not self.accepted.done():
            self.accepted.set_result(None)
            return
        now = time.perf_counter()
        if now >= self._begin_at:
            status = head[9:12].decode()
            if status.startswith("2"):
                self._answers.latencies.append(now - self._sent_at)
            else:
                self._answers.errors[status] += 1
        if now < self._stop_at:
            self._send()
        else:
            self._end()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.over.done():
            self._answers.errors["connection lost"] += 1
            self.over.set_result(None)

    def give_up(self) -> None:
        """End without the answer that has not come."""
        if not self.over.done():
            self._answers.errors["no answer"] += 1
            self._end()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def _end(self) -> None:
        self.over.set_result(None)
        self._transport.close()


async def _run(server: Server, gets: int, writes: int, seconds: float) -> tuple[Answers, Answers]:
    token = _token()
    host = f"127.0.0.1:{server.port}"

    def all_gets(number: int) -> Iterator[bytes]:
        while True:
            number += 1
            path = f"/records/async/{1 + number % _RECORDS}"
            yield Request("GET", path).bytes_for(host, token)

    def all_writes() -> Iterator[bytes]:
        while True:
            yield _presign().bytes_for(host, token)

    read, written = Answers(gets, seconds), Answers(writes, seconds)
    loop = asyncio.get_running_loop()
    connections = []
    for number in range(gets + writes):
        requests, answers = (all_gets(number), read) if number < gets else (all_writes(), written)
        _, connection = await loop.create_connection(
            lambda requests=requests, answers=answers: _Connection(requests, answers),  # type: ignore[misc]
            "127.0.0.1",
            server.port,
        )
        await asyncio.wait_for(connection.accepted, _ANSWER_SECONDS)
        connections.append(connection)
    begin_at = time.perf_counter() + _WARM_UP_SECONDS
    stop_at = begin_at + seconds
    for connection in connections:
        connection.begin(begin_at, stop_at)
    patience = stop_at + _ANSWER_SECONDS - time.perf_counter()
    await asyncio.wait([connection.over for connection in connections], timeout=patience)
    for connection in connections:
        connection.give_up()
    return read, written


def load(server: Server, gets: int, writes: int, seconds: float = _SECONDS) -> Loads:
    """Keep *gets* and *writes* connections busy for some seconds after a warm-up."""
    before = server.cpu_seconds()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        read, written = runner.run(_run(server, gets, writes, seconds))
    # The warm-up is not counted in the answers, so its share of the CPU time is not counted either.
    used = (server.cpu_seconds() - before) * seconds / (seconds + _WARM_UP_SECONDS)
    return Loads(read, written, used / max(1, len(read.latencies) + len(written.latencies)))


def split(connections: int) -> tuple[int, int]:
    """Return how many of *connections* get and how many write."""
    writes = max(1, connections // (_GETS_TO_A_WRITE + 1))
    return connections - writes, writes


@dataclass
class Mixed:
    """The loads of one number of connections, one of each kind per round."""

    database: str
    connections: int
    gets_alone: list[Loads] = field(default_factory=list)
    writes_alone: list[Loads] = field(default_factory=list)
    together: list[Loads] = field(default_factory=list)

    @property
    def kept(self) -> float:
        """The share of the writes alone that is reached beside gets: the median of the rounds."""
        pairs = zip(self.together, self.writes_alone, strict=True)
        return median(both.writes.rate / alone.writes.rate for both, alone in pairs)


@contextmanager
def started(database: str, folder: Path) -> Iterator[Server]:
    """Start orak with some records, whose conversion waits, on `sqlite` or `postgresql`."""
    with ExitStack() as stack:
        environment = {}
        if database == "postgresql":
            postgresql = PostgresqlServer()
            stack.callback(postgresql.close)
            postgresql.start()
            environment["DATABASE_URL"] = postgresql.url()
        server = stack.enter_context(servers.orak(folder, environment))
        _add_records(server)
        yield server


def measure(
    rounds: int, database: str, sizes: tuple[int, ...] = SIZES, seconds: float = _SECONDS
) -> list[Mixed]:
    """Load orak with each number of connections in *sizes*; all sizes take turns in every round."""
    found = [Mixed(database, size) for size in sizes]
    with (
        TemporaryDirectory(prefix="orak-mixed-") as folder,
        started(database, Path(folder)) as server,
    ):
        for _ in range(rounds):
            for mixed in found:
                gets, writes = split(mixed.connections)
                mixed.gets_alone.append(load(server, gets, 0, seconds))
                mixed.writes_alone.append(load(server, 0, writes, seconds))
                mixed.together.append(load(server, gets, writes, seconds))
    return found


def soak(database: str, connections: int, seconds: float) -> None:
    """Keep *connections* busy for *seconds* and print latencies, errors and memory."""
    with (
        TemporaryDirectory(prefix="orak-soak-") as folder,
        started(database, Path(folder)) as server,
    ):
        normal = load(server, *split(16), seconds=2)
        memory = [server.memory()]
        for _ in range(2):
            loads = load(server, *split(connections), seconds=seconds / 2)
            memory.append(server.memory())
            print(f"{database}: GET     {loads.gets}\n{database}: presign {loads.writes}")
        time.sleep(1)
        after = load(server, *split(16), seconds=1)  # within 2 s, with the warm-up
        megabytes = ", ".join(f"{size / 1e6:.0f}" for size in memory)
        print(f"{database}: memory at start, middle and end: {megabytes} MB")
        print(f"{database}: 16 connections before: {normal.gets}")
        print(f"{database}: 16 connections after:  {after.gets}")


def _token() -> str:
    return jwt.encode({"sub": "7", "exp": int(time.time()) + 3600}, SECRET, "HS256")


def _presign() -> Request:
    return post(
        "/records/async/presigned-url", originalFilename="take.webm", fileSize=3, contentType="audio/webm"
    )


def _add_records(server: Server) -> None:
    http = HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {_token()}", "Content-Type": "application/json"}

    def call(request: Request, headers: dict[str, str]) -> bytes:
        http.request(request.method, request.path, request.body, headers)
        answer = http.getresponse()
        body = answer.read()
        assert answer.status < 300, (request, body)
        return body

    for _ in range(_RECORDS):
        signed = json.loads(call(_presign(), headers))
        url = urlsplit(signed["presignedUrl"])
        call(Request("PUT", f"{url.path}?{url.query}", b"abc"), {"Content-Type": "audio/webm"})
        call(post("/records/async", title="take", uploadId=signed["uploadId"]), headers)
    http.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="just mixed", description=__doc__)
    parser.add_argument("databases", nargs="*", default=DATABASES, help="default: sqlite postgresql")
    parser.add_argument("--soak", action="store_true", help="hold one number of connections for long")
    parser.add_argument("--connections", type=int, nargs="+", help="default: 16 64 256; of a soak: 512")
    parser.add_argument("--seconds", type=float, help="of each load; default: 5; of a soak: 60")
    parser.add_argument("--rounds", type=int, default=1, help="default: 1")
    arguments = parser.parse_args()
    for database in arguments.databases:
        if arguments.soak:
            for connections in arguments.connections or [_SOAK_CONNECTIONS]:
                soak(database, connections, arguments.seconds or _SOAK_SECONDS)
            continue
        sizes = tuple(arguments.connections or SIZES)
        for mixed in measure(arguments.rounds, database, sizes, arguments.seconds or _SECONDS):
            for gets_alone, writes_alone, both in zip(
                mixed.gets_alone, mixed.writes_alone, mixed.together, strict=True
            ):
                print(
                    f"{database}, {mixed.connections} connections\n"
                    f"  GET alone      {gets_alone.gets}, {1e6 * gets_alone.cpu:.0f} µs of CPU\n"
                    f"  presign alone  {writes_alone.writes}, {1e6 * writes_alone.cpu:.0f} µs of CPU\n"
                    f"  GET mixed      {both.gets}, {1e6 * both.cpu:.0f} µs of CPU\n"
                    f"  presign mixed  {both.writes}",
                    flush=True,
                )
            print(f"  writes keep {mixed.kept:.2f} of what they reach alone", flush=True)


if __name__ == "__main__":
    main()
