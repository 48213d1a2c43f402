"""Whole oraks of real processes: all in one, or many on PostgreSQL, S3 and Redis."""

import asyncio
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from postgresql_server import Server
from redis_server import a_redis_server
from reliability.links import Link
from reliability.processes import OrakProcess, Part
from reliability.singers import SECRET
from s3_servers import KEYS, an_s3_server

CHAOS_PROFILE = {
    "JWT_SECRET": SECRET,
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
    "SWEEP_INTERVAL_MS": "500",
    "BATCH_INTERVAL_MS": "1000",
    "IMMEDIATE_WAIT_MS": "50",
}
LEASE_SECONDS = 3


class Ledger(Protocol):
    """The database, read past orak."""

    def rows(self, query: str) -> list[list[str]]:
        """Return what a query selects, as text; NULL is empty."""


@dataclass
class World:
    """What runs, and how to look into it past orak."""

    folder: Path
    apis: list[str]
    parts: dict[str, Part]
    ledger: Ledger
    keys: "Keys"
    links: dict[str, Link] = field(default_factory=dict)
    """Networks that may be harmed; where there are any, nothing is killed."""
    has_meddlers: bool = False
    """Whether singers send other bytes to the URL that they were given."""

    def __post_init__(self) -> None:
        self.has_links = bool(self.links)

    @property
    def workers(self) -> dict[str, OrakProcess]:
        return {
            name: part
            for name, part in self.parts.items()
            if name.startswith("worker") and isinstance(part, OrakProcess)
        }

    def replayed(self) -> list[str]:
        """Where the log of events and the tables differ, as an operator is told."""
        api = next(part for part in self.parts.values() if isinstance(part, OrakProcess))
        said = api.ask("events", "replay", "--check").splitlines()
        return [line for line in said if not re.fullmatch(r"\d+ events of \d+ uploads", line)]

    def trace(self, request_id: str) -> str:
        """Return what a log says of a request that failed."""
        _, _, after = self.logs().partition(f"request {request_id} failed")
        return after[:6000]

    def logs(self) -> str:
        return "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))


class Keys(Protocol):
    """The store, read past orak."""

    def __call__(self) -> set[str]:
        """Return the key of every object there is."""

    def file(self, key: str) -> Path:
        """Return where an object's bytes lie."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SqliteLedger:
    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, query: str) -> list[list[str]]:
        with closing(sqlite3.connect(self._file, timeout=20)) as connection:
            found = connection.execute(query).fetchall()
        return [["" if value is None else str(value) for value in row] for row in found]


class DiskKeys:
    """Objects of local storage: each is one file that ends in its kind."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self) -> set[str]:
        files = (path for path in self._root.rglob("*.object") if ".incoming" not in path.parts)
        return {str(path.relative_to(self._root)).removesuffix(".object") for path in files}

    def file(self, key: str) -> Path:
        return self._root / f"{key}.object"


@contextmanager
def embedded(folder: Path) -> Iterator[World]:
    """One `orak serve` on SQLite, local disk and the inline queue."""
    port, data = free_port(), folder / "data"
    serve = OrakProcess(
        ["serve", "--port", str(port), "--data-dir", str(data)], CHAOS_PROFILE, folder / "serve.log"
    )
    serve.start()
    try:
        yield World(
            folder,
            [f"http://127.0.0.1:{port}"],
            {"api": serve},
            SqliteLedger(data / "orak.db"),
            DiskKeys(data / "objects"),
        )
    finally:
        serve.kill()


class PostgresqlLedger:
    def __init__(self, server: Server) -> None:
        self._server = server

    def rows(self, query: str) -> list[list[str]]:
        return [line.split("|") for line in self._server.sql(query).splitlines()]


_UNFINISHED = ".rclone_temp_put_"
"""What a killed server leaves of a PUT that it had not answered; to nobody it is an object."""


class FolderKeys:
    """Objects of an S3 server that keeps each in a file."""

    def __init__(self, bucket: Path) -> None:
        self._bucket = bucket

    def __call__(self) -> set[str]:
        files = (path for path in self._bucket.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self._bucket)) for path in files if not path.name.startswith(_UNFINISHED)
        }

    def file(self, key: str) -> Path:
        return self._bucket / key


@contextmanager
def meddled(folder: Path) -> Iterator[World]:
    """A cluster whose singers send other bytes to the same URL, at any time."""
    with cluster(folder) as world:
        world.has_meddlers = True
        yield world


@contextmanager
def networked(folder: Path) -> Iterator[World]:
    """A cluster that reaches PostgreSQL, S3 and Redis through networks that are harmed."""
    with cluster(folder, through_links=True) as world:
        yield world


@contextmanager
def cluster(folder: Path, *, through_links: bool = False) -> Iterator[World]:
    """Two `orak serve` and two `orak worker` on PostgreSQL, S3 and Redis, each killed like the rest."""
    with ExitStack() as stack:
        database = Server()
        stack.callback(database.close)
        database.start()
        (folder / "s3").mkdir()
        store = stack.enter_context(an_s3_server(folder / "s3"))
        redis = stack.enter_context(a_redis_server())
        bucket = store.new_bucket()
        links = {}
        urls = {"postgresql": database.url(), "s3": store.url, "redis": redis.url}
        if through_links:
            links = {
                "postgresql": Link(
                    partial(asyncio.open_unix_connection, f"{database.folder}/.s.PGSQL.5432"), http=False
                ),
                "s3": Link(
                    partial(asyncio.open_connection, "127.0.0.1", urlsplit(store.url).port), http=True
                ),
                "redis": Link(partial(asyncio.open_connection, "127.0.0.1", redis.port), http=False),
            }
            ports = {name: stack.enter_context(link.running()).port for name, link in links.items()}
            urls = {
                "postgresql": f"postgresql://postgres@127.0.0.1:{ports['postgresql']}/postgres",
                "s3": f"http://127.0.0.1:{ports['s3']}",
                "redis": f"redis://127.0.0.1:{ports['redis']}/0",
            }
        environment = CHAOS_PROFILE | {
            "DATABASE_URL": urls["postgresql"],
            "ORAK_DB_AUTO_UPGRADE": "1",
            "REDIS_URL": urls["redis"],
            "S3_BUCKET_NAME": bucket.bucket,
            "S3_REGION": bucket.region,
            "S3_ENDPOINT_URL": urls["s3"],
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        }
        ports = [free_port() for _ in range(2)]
        parts: dict[str, Part] = {"postgresql": database, "s3": store, "redis": redis}
        for number, port in enumerate(ports, start=1):
            for name, command in (
                (f"api {number}", ["serve", "--port", str(port)]),
                (f"worker {number}", ["worker"]),
            ):
                data = ["--data-dir", str(folder / name)]
                log = folder / f"{name}.log"
                process = OrakProcess([*command, *data], environment, log)
                process.start()
                stack.callback(process.kill)
                parts[name] = process
        yield World(
            folder,
            [f"http://127.0.0.1:{port}" for port in ports],
            parts,
            PostgresqlLedger(database),
            FolderKeys(folder / "s3" / bucket.bucket),
            links,
        )
