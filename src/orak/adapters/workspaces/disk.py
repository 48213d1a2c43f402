import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from orak.application.ports.failures import Unavailable


class Workspaces:
    """Folders for the files of one conversion each, under one folder of this process's own.

    That one is locked (`flock`) while the process lives. A killed process cannot tidy up, and what it leaves
    behind is a recording: so whoever opens the same root next removes each folder that is not locked.
    """

    def __init__(self, own: Path) -> None:
        self._own = own

    @classmethod
    @contextmanager
    def open(cls, root: Path) -> Iterator[Self]:
        """Remove leftovers, and make room of this process's own until the block ends."""
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            _remove_unless_locked(folder)
        own, lock = _claimed(root)
        try:
            yield cls(own)
        finally:
            shutil.rmtree(own, ignore_errors=True)
            os.close(lock)

    def __call__(self) -> TemporaryDirectory[str]:
        """Make an empty folder, which goes when its block ends. Raise `Unavailable` if there is no room."""
        try:
            return TemporaryDirectory(dir=self._own, ignore_cleanup_errors=True)
        except OSError as error:
            raise Unavailable(f"no folder is to be had for a conversion: {error.strerror}") from error


def _claimed(root: Path) -> tuple[Path, int]:
    while True:
        own = root / secrets.token_hex(8)
        own.mkdir(mode=0o700)
        lock = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if own.exists():
            return own, lock
        os.close(lock)  # taken for a leftover before it was locked


def _remove_unless_locked(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # gone meanwhile, or nothing of ours
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # its process lives
        pass
    finally:
        os.close(lock)
