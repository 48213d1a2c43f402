import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Self

from orak.application.ports.failures import Unavailable

_TRIED_BYTES = 64 * 2**10


class Workspaces:
    """Temporary folders, one for each conversion, in a folder that this process owns.

    The process locks its folder (`flock`) while it lives. A killed process leaves its folder behind with a
    user's audio in it, so the next process that opens the same root removes every folder that is not locked.
    """

    def __init__(self, own: Path) -> None:
        self._own = own

    @classmethod
    @contextmanager
    def open(cls, root: Path | None) -> Iterator[Self]:
        """Remove leftovers, then provide a folder until the block ends.

        The folder belongs to this process.

        Without *root*, the folder lies among the system's temporary files, which the system cleans up.
        """
        if root is None:
            with TemporaryDirectory(prefix="orak-") as temporary:
                yield cls(Path(temporary))
            return
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            _remove_unless_locked(folder)
        own, lock = _locked_folder(root)
        try:
            yield cls(own)
        finally:
            shutil.rmtree(own, ignore_errors=True)
            os.close(lock)

    def __call__(self) -> TemporaryDirectory[str]:
        """Create an empty folder that is removed when its block ends.

        Raise `Unavailable` if that fails.
        """
        try:
            return TemporaryDirectory(dir=self._own, ignore_cleanup_errors=True)
        except OSError as error:
            raise Unavailable(f"cannot create a folder for the conversion: {error.strerror}") from error

    def check(self) -> None:
        """Raise `Unavailable` unless the disk takes a file of 64 KiB. Nothing is left of it."""
        try:
            with TemporaryFile(dir=self._own) as file:
                file.write(bytes(_TRIED_BYTES))
                file.flush()
        except OSError as error:
            raise Unavailable(f"the disk of the data folder: {error.strerror}") from error


def _locked_folder(root: Path) -> tuple[Path, int]:
    while True:
        own = root / secrets.token_hex(8)
        own.mkdir(mode=0o700)
        lock = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if own.exists():
            return own, lock
        os.close(lock)  # another process removed it as a leftover before it was locked


def _remove_unless_locked(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # already gone, or not a folder
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # its process still runs
        pass
    finally:
        os.close(lock)
