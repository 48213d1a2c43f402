"""The servers, their CPU usage, and how long they take to start."""

import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from s3_servers import KEYS, S3Server, an_s3_server

SECRET = "the signing secret of the benchmarks"
BUCKET = "uploads"
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
_START_SECONDS = 120  # a busy machine starts slowly
_CPU_OF_ALL_THREADS = 2  # CPUCLOCK_SCHED; clock_getcpuclockid(3) makes the same number of a process id


@contextmanager
def store(folder: Path) -> Iterator[S3Server]:
    """Run an S3 server with the bucket `uploads`; its objects are in *folder*."""
    (folder / "s3").mkdir()
    with an_s3_server(folder / "s3") as server:
        server.client.create_bucket(Bucket=BUCKET)
        yield server


def s3_settings(server: S3Server) -> dict[str, str]:
    """Return the environment of a program that uses the bucket."""
    return {
        "S3_BUCKET_NAME": BUCKET,
        "S3_REGION": "ap-northeast-2",
        "S3_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "AWS_DEFAULT_REGION": "ap-northeast-2",
    }


@dataclass(frozen=True)
class Server:
    """A server process that listens on a port."""

    name: str
    port: int
    pid: int
    seconds_to_ready: float
    """Seconds from its start until it answered."""

    def cpu_seconds(self) -> float:
        """Return the user and system time so far: of all threads, and of child processes that run."""
        return sum(time.clock_gettime((~pid << 3) | _CPU_OF_ALL_THREADS) for pid in _with_children(self.pid))

    def memory(self) -> int:
        """Return the resident memory of the process in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024


@contextmanager
def orak(
    folder: Path,
    environment: Mapping[str, str],
    *,
    path: str = "/health/live",
    name: str = "orak",
    programs: Path = BIN,
) -> Iterator[Server]:
    """Run `orak serve` without any conversion: uploads stay waiting. It is there when *path* answers.

    The program is that in the folder *programs*.
    """
    port = free_port()
    command = [str(programs / "orak"), "serve", "--port", str(port), "--data-dir", str(folder)]
    quiet = {
        "JWT_SECRET": SECRET,
        "ORAK_DB_AUTO_UPGRADE": "1",
        "IMMEDIATE_SLOTS": "0",
        "BATCH_ENABLED": "false",
        "IMMEDIATE_WAIT_MS": "0",
    }
    with started(name, port, command, {**quiet, **environment}, folder, path=path) as server:
        yield server


@contextmanager
def worker(folder: Path, environment: Mapping[str, str], *, name: str) -> Iterator[int]:
    """Run `orak worker` until the block ends; yield its process id once it waits for wake-ups.

    Raises:
        RuntimeError: it ended, or is not ready within two minutes; the message is the end of its log.
    """
    log_file = folder / f"{name}.log"
    deadline = time.monotonic() + _START_SECONDS
    with log_file.open("ab") as log:
        command = [str(BIN / "orak"), "worker", "--data-dir", str(folder)]
        process = subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], **environment}, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        while "woken through Redis" not in log_file.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {log_file.read_text()[-2000:]}")
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def peer(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run the peer on one uvicorn worker."""
    port = free_port()
    command = [str(BIN / "uvicorn"), "benchmarks.peer:app", "--port", str(port), "--log-level", "warning"]
    with started("peer", port, command, {"JWT_SECRET": SECRET, **environment}, folder) as server:
        yield server


@contextmanager
def started(
    name: str,
    port: int,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    path: str = "/",
) -> Iterator[Server]:
    """Run *command* until the block ends; yield it once it answers a GET of *path*, below 500.

    Its log is in *folder*. The process is killed at the end, so it need not shut down quickly.

    Raises:
        RuntimeError: it ended, or does not answer within two minutes; the message is the end of its log.
    """
    log_file = folder / f"{name}.log"
    with log_file.open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], **environment},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                raise RuntimeError(f"{name} did not start: {log_file.read_text()[-2000:]}")
            time.sleep(0.005)
        yield Server(name, port, process.pid, time.perf_counter() - began)
    finally:
        family = _with_children(process.pid)
        process.kill()
        process.wait()
        for child in family - {process.pid}:
            with suppress(ProcessLookupError):
                os.kill(child, 9)


def cpu_of_family(pid: int) -> float:
    """Return the user and system time of a process, of its descendants, and of those that have ended."""
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def machine() -> str:
    """Return what this machine is, in one line."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    try:
        # A refused connection costs little, an HTTP client more: it is used only when something listens.
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _with_children(pid: int) -> set[int]:
    """Return *pid* and the processes that descend from it."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children[parent].append(int(entry.name))
    family, found = set(), [pid]
    while found:
        family.add(current := found.pop())
        found += children[current]
    return family
