"""Goal 4: presigning, against the S3 endpoint of Uppy Companion, which checks no token and stores no row."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from benchmarks import requests, servers
from benchmarks.load import Load, Make, Request, send
from benchmarks.requests import TOKEN, file_name, presigns
from benchmarks.rounds import Line, interleaved, line, milliseconds, per_second
from benchmarks.servers import SECRET, Server
from postgresql_server import Server as PostgresqlServer

_SOURCE = Path(__file__).parent / "companion"
_REQUESTS = 2000
_INSTALL_SECONDS = 300


class NotInstallable(Exception):
    """Companion cannot be installed here; the message says why."""


def presigning(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goal 4.

    Raises:
        NotInstallable: there is no Node.js, or its registry does not answer.
    """
    database.sql("CREATE DATABASE companion")
    installed = _installed()
    with (
        servers.store(folder) as store,
        _companion(installed, folder, servers.s3_settings(store)) as companion,
        servers.orak(
            folder, servers.s3_settings(store) | {"DATABASE_URL": database.url("companion")}
        ) as orak,
    ):
        send(companion.port, "", _params(_REQUESTS))  # V8 compiles what runs often
        peer, own = interleaved(
            (companion, orak),
            _make,
            TOKEN,
            requests=(_REQUESTS, 8000),
            rounds=rounds,
            check=_check,
        )
    what = "presign against Companion's `/s3/params`"
    return [
        line("4", f"{what}: requests/s", (peer.rate, own.rate), per_second, at_least=7, stretch=10),
        line("4", f"{what}: p99", (peer.p99, own.p99), milliseconds, at_most=0.15, stretch=0.05),
    ]


def _make(server: Server) -> Make:
    return _params if server.name == "companion" else presigns


def _params(wanted: int) -> list[Request]:
    return [
        Request("GET", f"/s3/params?filename={quote(file_name())}&type={quote(requests.CONTENT_TYPE)}")
        for _ in range(wanted)
    ]


def _check(server: Server, load: Load) -> None:
    """Check that each answer signs a key of its own, in the same bucket and for the same type."""
    if server.name != "companion":
        requests.check_presigned(server, load)
        return
    forms = [json.loads(body) for body in load.answers]
    assert len({form["fields"]["key"] for form in forms}) == len(forms) > 1
    for form in forms:
        fields = form["fields"]
        assert form["url"].rstrip("/").endswith("/uploads")
        assert fields["key"].startswith("recordings/")
        assert fields["content-type"] == requests.CONTENT_TYPE
        assert len(fields["X-Amz-Signature"]) == 64


def _installed() -> Path:
    """Install Companion in the version of `companion/package.json` beside the virtual environment."""
    if shutil.which("npm") is None:
        raise NotInstallable("npm is not installed; Companion needs Node.js 20 or later")
    folder = servers.BIN.parent / "companion"
    shutil.copytree(_SOURCE, folder, dirs_exist_ok=True)
    if not (folder / "node_modules" / "@uppy" / "companion").exists():
        try:
            done = subprocess.run(
                ["npm", "install", "--silent", "--omit=dev"],  # noqa: S607 - from the PATH, as people run it
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_INSTALL_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise NotInstallable(f"npm did not end within {_INSTALL_SECONDS} s") from error
        if done.returncode:
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            raise NotInstallable(f"npm cannot install Companion: {(done.stderr or done.stdout)[-300:]}")
    return folder


@contextmanager
def _companion(installed: Path, folder: Path, s3: dict[str, str]) -> Iterator[Server]:
    node = shutil.which("node")
    assert node is not None, "npm comes with node"
    port = servers.free_port()
    environment = {
        "NODE_ENV": "production",
        "PORT": str(port),
        "SECRET": SECRET,
        "DATA_DIR": str(folder),
    }
    command = [node, str(installed / "server.js")]
    path = "/s3/params?filename=a.webm&type=audio%2Fwebm"
    with servers.started("companion", port, command, environment | s3, folder, path=path) as server:
        yield server
