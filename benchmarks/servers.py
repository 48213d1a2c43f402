"""The two servers, one process each, and their CPU usage."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "the signing secret of the benchmarks"
_BIN = Path(sys.executable).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """A server process that listens on a port."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the user and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> int:
        """Return the resident memory of the process in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) * 1024


@contextmanager
def orak(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run `orak serve` without any conversion: uploads stay waiting."""
    port = _free_port()
    command = [str(_BIN / "orak"), "serve", "--port", str(port), "--data-dir", str(folder)]
    quiet = {
        "JWT_SECRET": SECRET,
        "ORAK_DB_AUTO_UPGRADE": "1",
        "IMMEDIATE_SLOTS": "0",
        "BATCH_ENABLED": "false",
        "IMMEDIATE_WAIT_MS": "0",
    }
    with _started("orak", port, command, {**quiet, **environment}, folder) as server:
        yield server


@contextmanager
def peer(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run the peer on one uvicorn worker."""
    port = _free_port()
    command = [str(_BIN / "uvicorn"), "benchmarks.peer:app", "--port", str(port), "--log-level", "warning"]
    with _started("peer", port, command, {"JWT_SECRET": SECRET, **environment}, folder) as server:
        yield server


@contextmanager
def _started(
    name: str, port: int, command: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], **environment},
            cwd=Path(__file__).parents[1],
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((folder / f"{name}.log").read_text()[-2000:]) from None
                time.sleep(0.05)
            else:
                break
        yield Server(name, port, process.pid)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
