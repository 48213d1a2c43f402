"""Goal 14: how long `orak --help` takes, and `orak serve` until it is ready."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks import servers
from benchmarks.rounds import Line, line, milliseconds
from postgresql_server import Server as PostgresqlServer

_HOME = servers.ROOT / ".venv/start"
_EXTRAS = "aws,postgresql,redis"
_INSTALL_SECONDS = 300


def starting(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure the three starts in turn. The first round fills caches and migrates, and is not counted."""
    seconds: tuple[list[float], list[float], list[float]] = ([], [], [])
    programs = _installed()
    database.sql("CREATE DATABASE starting")
    with servers.store(folder) as store:
        networked = servers.s3_settings(store) | {"DATABASE_URL": database.url("starting")}
        for number in range(rounds + 1):
            took = (_help(programs), _serve(programs, folder, {}), _serve(programs, folder, networked))
            if number:
                for found, one in zip(seconds, took, strict=True):
                    found.append(one)
    to_help, on_sqlite, on_servers = seconds
    what = "`orak serve` until ready, seconds"
    return [
        line("14", "`orak --help`, seconds", ([], to_help), milliseconds, at_most=0.3, stretch=0.2),
        line("14", f"{what}: SQLite", ([], on_sqlite), milliseconds, at_most=1.2, stretch=0.8),
        line("14", f"{what}: PostgreSQL and S3", ([], on_servers), milliseconds, at_most=1.8, stretch=1.2),
    ]


def _installed() -> Path:
    """Install orak and its extras alone, as a service has them; return the folder of the programs.

    Beside the peers, orak would start slower: dependency-injector imports FastAPI and Pydantic if they are
    installed.
    """
    uv = [servers.BIN / "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--allow-existing", "--python", sys.executable, _HOME], check=True)
    install = [*uv, "pip", "install", "--python", _HOME, "--compile-bytecode"]
    locked = ["--constraint", servers.ROOT / "requirements/dev.txt"]
    own = ["--editable", f"{servers.ROOT}[{_EXTRAS}]"]
    subprocess.run([*install, *locked, *own], check=True, timeout=_INSTALL_SECONDS)
    return _HOME / "bin"


def _help(programs: Path) -> float:
    began = time.perf_counter()
    subprocess.run([programs / "orak", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _serve(programs: Path, folder: Path, environment: dict[str, str]) -> float:
    with servers.orak(folder, environment, path="/health/ready", programs=programs) as server:
        return server.seconds_to_ready
