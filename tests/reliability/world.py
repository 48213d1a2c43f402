"""Complete deployments of orak as real processes: one on SQLite, or a cluster on PostgreSQL, S3 and Redis."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from postgresql_server import Server
from redis_server import a_redis_server
from reliability.clients import SECRET
from reliability.links import Link
from reliability.observers import (
    BucketView,
    DatabaseView,
    LocalStorageView,
    PostgresqlView,
    SqliteView,
    StorageView,
)
from reliability.processes import OrakProcess, Part
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


@dataclass
class World:
    """A running deployment, and direct views of its state."""

    folder: Path
    apis: list[str]
    parts: dict[str, Part]
    database: DatabaseView
    storage: StorageView
    links: dict[str, Link] = field(default_factory=dict)
    """Network links that the nemesis may disturb. If there are any, it kills no part."""
    clients_overwrite: bool = False
    """Whether clients also send other contents to their presigned URLs."""

    kills: int = 0
    """How often the nemesis killed a process."""

    def __post_init__(self) -> None:
        self.has_links = bool(self.links)

    @property
    def workers(self) -> dict[str, OrakProcess]:
        return {
            name: part
            for name, part in self.parts.items()
            if name.startswith("worker") and isinstance(part, OrakProcess)
        }

    def replay_differences(self) -> list[str]:
        """Return where the event log and the tables differ, according to `orak events replay --check`."""
        api = next(part for part in self.parts.values() if isinstance(part, OrakProcess))
        lines = api.output_of("events", "replay", "--check").splitlines()
        return [line for line in lines if not re.fullmatch(r"\d+ events of \d+ uploads", line)]

    def trace(self, request_id: str) -> str:
        """Return the log lines that follow the failure of a request."""
        _, _, after = self.logs().partition(f"request {request_id} failed")
        return after[:6000]

    def logs(self) -> str:
        return "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def embedded(folder: Path) -> Iterator[World]:
    """Run one `orak serve` on SQLite, local disk and the inline queue."""
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
            SqliteView(data / "orak.db"),
            LocalStorageView(data / "objects"),
        )
    finally:
        serve.kill()


@contextmanager
def meddled(folder: Path) -> Iterator[World]:
    """Run a cluster whose clients send other contents to their presigned URLs at any time."""
    with cluster(folder) as world:
        world.clients_overwrite = True
        yield world


@contextmanager
def networked(folder: Path) -> Iterator[World]:
    """Run a cluster that reaches PostgreSQL, S3 and Redis through links that the nemesis disturbs."""
    with cluster(folder, through_links=True) as world:
        yield world


@contextmanager
def cluster(folder: Path, *, through_links: bool = False) -> Iterator[World]:
    """Run two `orak serve` and two `orak worker` on PostgreSQL, S3 and Redis; each can be killed."""
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
            PostgresqlView(database),
            BucketView(folder / "s3" / bucket.bucket),
            links,
        )
