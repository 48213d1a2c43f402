"""Direct views of the database and the storage, independent of orak."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from postgresql_server import Server


class DatabaseView(Protocol):
    """The database of a world."""

    def rows(self, query: str) -> list[list[str]]:
        """Return the rows that *query* selects, as text; NULL is the empty string."""


class StorageView(Protocol):
    """The object storage of a world."""

    def keys(self) -> set[str]:
        """Return the keys of all objects."""

    def file(self, key: str) -> Path:
        """Return the file that holds the object's bytes."""


class SqliteView:
    """A SQLite file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, query: str) -> list[list[str]]:
        with closing(sqlite3.connect(self._file, timeout=20)) as connection:
            found = connection.execute(query).fetchall()
        return [["" if value is None else str(value) for value in row] for row in found]


class PostgresqlView:
    """A PostgreSQL server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def rows(self, query: str) -> list[list[str]]:
        return [line.split("|") for line in self._server.sql(query).splitlines()]


class LocalStorageView:
    """The local storage of orak, which keeps each object in a file with the suffix `.object`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keys(self) -> set[str]:
        files = (path for path in self._root.rglob("*.object") if ".incoming" not in path.parts)
        return {str(path.relative_to(self._root)).removesuffix(".object") for path in files}

    def file(self, key: str) -> Path:
        return self._root / f"{key}.object"


_TEMPORARY = ".rclone_temp_put_"
"""Prefix of the file that a killed rclone leaves of an unanswered PUT. It is not an object."""

_PROBES = "published/.probe/"
"""Prefix of the objects with which a starting process tries the store."""


class BucketView:
    """The bucket of an rclone server, which keeps each object in a file."""

    def __init__(self, bucket: Path) -> None:
        self._bucket = bucket

    def keys(self) -> set[str]:
        """Return the keys of all objects but the probes of killed processes, which a later start removes."""
        files = (path for path in self._bucket.rglob("*") if path.is_file())
        keys = {str(path.relative_to(self._bucket)) for path in files if not path.name.startswith(_TEMPORARY)}
        return {key for key in keys if not key.startswith(_PROBES)}

    def file(self, key: str) -> Path:
        return self._bucket / key
