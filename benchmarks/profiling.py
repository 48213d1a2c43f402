"""`just profile presign|create|get|list`: where the CPU time of a call goes, part by part.

Samples the stacks of `orak serve` under load. A sample belongs to the innermost frame of a part: what a part
does in C, or calls of the standard library, is its own time.
"""

import argparse
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import against_peer, requests, servers
from benchmarks.load import Make, send
from benchmarks.requests import TOKEN
from benchmarks.rounds import microseconds, per_second
from benchmarks.servers import Server
from postgresql_server import Server as PostgresqlServer
from s3_servers import S3Server

_RATE = 400
"""Samples a second."""

_BACKGROUND = ("orak/entrypoints/worker/", "orak/application/outbox_relay", "orak/application/events/")
"""Frames that make a whole stack background work, whatever runs inside."""

_PARTS: Sequence[tuple[str, str]] = (
    ("orak/entrypoints/http/serving/access_log", "access log"),
    ("/logging/", "access log"),
    ("orak/entrypoints/http/requests/authentication", "token"),
    ("orak/adapters/auth/", "token"),
    ("/jwt/", "token"),
    ("orak/entrypoints/http/requests/", "parsing"),
    ("orak/entrypoints/http/answers/", "encoding"),
    ("orak/entrypoints/http/serving/protocol", "uvicorn and sockets"),
    ("orak/entrypoints/http/serving/request_metrics", "metrics"),
    ("orak/entrypoints/http/", "HTTP pipeline"),
    ("/litestar/", "HTTP pipeline"),
    ("orak/adapters/storage/", "S3: signing and requests"),
    ("/aiohttp/", "S3: signing and requests"),
    ("/botocore/", "S3: signing and requests"),
    ("/aiobotocore/", "S3: signing and requests"),
    ("orak/adapters/persistence/", "SQL layer"),
    ("/sqlalchemy/", "SQL layer"),
    ("/asyncpg/", "asyncpg"),
    ("orak/adapters/measurements/", "metrics"),
    ("orak/adapters/", "ids, clock and cache"),
    ("orak/application/", "use case"),
    ("orak/domain/", "use case"),
    ("/uvicorn/", "uvicorn and sockets"),
)
"""Parts by a piece of their files' paths; the first that matches counts."""

_LOOP = "event loop in C (uvloop; answers of asyncpg)"


def part_of(stack: str) -> str:
    """Return the part that a stack belongs to. Frames are separated by `;`, the innermost last."""
    frames = stack.split(";")
    if any(piece in frame for frame in frames for piece in _BACKGROUND):
        return "background"
    for frame in reversed(frames):
        for piece, part in _PARTS:
            if piece in frame:
                return part
    return _LOOP


def shares(raw: str) -> list[tuple[str, float]]:
    """Return the share of each part in the samples that py-spy wrote, the largest first."""
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        counts[part_of(stack)] += int(count)
    return [(part, count / counts.total()) for part, count in counts.most_common()]


@contextmanager
def _sampled(server: Server, file: Path) -> Iterator[None]:
    """Write the stacks of *server* to *file* while the block runs.

    Raises:
        RuntimeError: py-spy may not attach; on Linux it needs root, or `kernel.yama.ptrace_scope=0`.
    """
    command = [
        *(servers.BIN / "py-spy", "record", "--format", "raw", "--full-filenames", "--rate", str(_RATE)),
        *("--duration", "600", "--pid", str(server.pid), "--output", file),
    ]
    sampler = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield
    finally:
        sampler.send_signal(signal.SIGINT)
        said, _ = sampler.communicate(timeout=60)
    if not file.exists():
        raise RuntimeError(f"py-spy wrote nothing: {said}")


def _serve(folder: Path, stack: ExitStack, database: str) -> tuple[Server, S3Server]:
    store = stack.enter_context(servers.store(folder))
    environment = servers.s3_settings(store)
    if database == "postgresql":
        server = PostgresqlServer()
        stack.callback(server.close)
        server.start()
        environment["DATABASE_URL"] = server.url()
    return stack.enter_context(servers.orak(folder, environment)), store


def _calls(call: str, server: Server, store: S3Server) -> tuple[Make, int]:
    """Return a maker of the requests, and how many to send."""
    creates = against_peer.creates(store)(server)
    makers: dict[str, Callable[[], tuple[Make, int]]] = {
        "presign": lambda: (requests.presigns, 20_000),
        "create": lambda: (creates, 2_000),
        "get": lambda: (requests.gets(list(range(1, 101))), 20_000),
        "list": lambda: (requests.lists, 6_000),
    }
    if call in {"get", "list"}:
        send(server.port, TOKEN, creates(100))
    return makers[call]()


def main() -> None:
    """Profile one call and print the table."""
    parser = argparse.ArgumentParser(prog="just profile", description=__doc__)
    parser.add_argument("call", choices=["presign", "create", "get", "list"])
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--requests", type=int, help="how many requests to send")
    parser.add_argument("--raw", type=Path, help="keep the samples in this file, for flame graphs")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="orak-profile-") as name, ExitStack() as stack:
        folder = Path(name)
        server, store = _serve(folder, stack, arguments.database)
        make, usual = _calls(arguments.call, server, store)
        wanted = arguments.requests or usual
        send(server.port, TOKEN, make(max(200, wanted // 20)))  # fill caches and pools
        made = make(wanted)
        before = server.cpu_seconds()
        load = send(server.port, TOKEN, made[: wanted // 2], keep=wanted)
        cpu = (server.cpu_seconds() - before) / (wanted // 2)
        samples = folder / "samples"
        with _sampled(server, samples):
            send(server.port, TOKEN, made[wanted // 2 :], keep=wanted)
        raw = samples.read_text()
    if arguments.raw:
        arguments.raw.write_text(raw)
    taken = sum(int(line.rpartition(" ")[2]) for line in raw.splitlines())
    print(
        f"{arguments.call} on {arguments.database}, 16 connections: {per_second(load.rate)}, "
        f"{microseconds(cpu)} of CPU a request without the sampler; {taken:,} samples\n"
    )
    print("| part | share | CPU a request |\n| --- | --- | --- |")
    for part, share in shares(raw):
        print(f"| {part} | {share:.0%} | {microseconds(share * cpu)} |")


if __name__ == "__main__":
    main()
