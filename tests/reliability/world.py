"""Whole oraks of real processes: all in one, or many on PostgreSQL, S3 and Redis."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reliability.processes import OrakProcess, Part
from reliability.singers import SECRET

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

    @property
    def workers(self) -> dict[str, OrakProcess]:
        return {
            name: part
            for name, part in self.parts.items()
            if name.startswith("worker") and isinstance(part, OrakProcess)
        }

    def logs(self) -> str:
        return "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))


class Keys(Protocol):
    """The store, read past orak."""

    def __call__(self) -> set[str]:
        """Return the key of every object there is."""


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
