"""Temporary files of objects that are not complete yet, and so not visible."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from io import FileIO
from pathlib import Path

from orak.adapters.storage.body import etag
from orak.adapters.storage.disk import opened_folder
from orak.adapters.storage.keys import INCOMING
from orak.adapters.storage.object_file import ObjectPath, footer, path_of
from orak.application.ports.incomplete_uploads import IncompleteUpload
from orak.application.ports.object_server import ObjectExists
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_TRIES = 10


class IncomingObject:
    """One object being written. Its methods block; call them one after the other.

    Its process holds a lock on the temporary file as long as it lives. The lock tells `remove_leftovers`
    which files another process is writing and which ones a killed process left behind.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / INCOMING / secrets.token_hex(16)
        self._file: FileIO | None = None
        self._digest = sha256()
        self._size = 0

    @property
    def etag(self) -> str:
        """The ETag of the bytes written so far."""
        return etag(self._digest.hexdigest())

    def write(self, content: bytes) -> None:
        """Append to the object's bytes."""
        self._digest.update(content)
        self._size += len(content)
        self._write(content)

    def store(self, key: str, content_type: str, *, at: datetime, replace: bool) -> StoredObject:
        """Sync the bytes and make the object visible under *key*, durably.

        Raise `ObjectExists` if *key* is taken and *replace* is false.
        """
        path = path_of(key)
        info = StoredObject(ObjectKey(key), self._size, content_type, self.etag, at)
        self._write(footer(info))
        os.fsync(self._opened().fileno())
        self._give_name(path, replace=replace)
        return info

    def discard(self) -> None:
        """Remove the temporary file; a stored object keeps its own name."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _give_name(self, path: ObjectPath, *, replace: bool) -> None:
        for tries_left in reversed(range(_TRIES)):
            try:
                with opened_folder(self._root, path.folders, make=True) as folder:
                    self._link(folder, path.name, replace=replace)
            except FileNotFoundError:  # a concurrent deletion removed the folder while it was empty
                if not tries_left:
                    raise
            else:
                return

    def _link(self, folder: int, name: str, *, replace: bool) -> None:
        try:
            if replace:
                os.replace(self._path, name, dst_dir_fd=folder)
            else:
                os.link(self._path, name, dst_dir_fd=folder)  # unlike a rename, a link replaces nothing
        except FileExistsError:
            raise ObjectExists from None
        finally:
            os.fsync(folder)  # `ObjectExists` must be as durable an answer as success

    def _write(self, content: bytes) -> None:
        file, rest = self._opened(), memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]

    def _opened(self) -> FileIO:
        while self._file is None:
            with opened_folder(self._root, [INCOMING], make=True) as folder:
                self._file = FileIO(os.open(self._path.name, _NEW, 0o600, dir_fd=folder), "w")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if not os.fstat(self._file.fileno()).st_nlink:  # removed as a leftover before it was locked
                self._file.close()
                self._file = None
        return self._file


def find_leftovers(root: Path, before: datetime) -> list[IncompleteUpload]:
    """Return the unlocked temporary files that were last written to before *before*."""
    found = []
    with opened_folder(root, [INCOMING], make=True) as folder:
        for name in _names(folder):
            with suppress(FileNotFoundError, BlockingIOError), _locked(folder, name) as file:
                written_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                if written_at < before:
                    found.append(IncompleteUpload(f"{INCOMING}/{name}", name, written_at))
    return sorted(found, key=lambda leftover: leftover.begun_at)


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files of processes that no longer run."""
    with opened_folder(root, [INCOMING], make=True) as folder:
        names = _names(folder)
    for name in names:
        remove_leftover(root, name)


def remove_leftover(root: Path, name: str) -> None:
    """Remove a temporary file, unless its writer still runs."""
    with (
        opened_folder(root, [INCOMING], make=True) as folder,
        suppress(FileNotFoundError, BlockingIOError),
        _locked(folder, name),
    ):
        os.unlink(name, dir_fd=folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [entry.name for entry in found]


@contextmanager
def _locked(folder: int, name: str) -> Iterator[FileIO]:
    """Open and lock a file. Raise `BlockingIOError` if another process has locked it."""
    with FileIO(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
