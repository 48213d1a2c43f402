"""Disk operations off the event loop, safe from symbolic links."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from orak.application.ports.failures import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *work* in a thread, to its end.

    A cancelled caller continues only after the thread ends, so it cannot close or remove a file that the
    thread still uses. Raise `Unavailable` if the disk is full or fails; the error names no path.
    """
    # A future, not a task: a loop that shuts down cancels its tasks, and the thread would run on unawaited.
    running = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await _wait_for_end(running)
            raise
    except FileExistsError:
        raise  # the caller asked for a new file where one exists: the disk is fine
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "an unknown error")
        raise Unavailable(f"the disk answered {reason}") from error


async def _wait_for_end(running: asyncio.Future[T]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue  # anyio's cancel scopes cancel again and again
    if not running.cancelled():
        running.exception()  # mark it as retrieved, or asyncio logs it


@contextmanager
def opened_folder(root: Path, folders: Iterable[str], *, make: bool = False) -> Iterator[int]:
    """Yield the descriptor of a folder below *root*, to address files without a path.

    With *make*, create missing folders durably; else raise `FileNotFoundError` if one is missing. A symbolic
    link below *root* counts as missing.
    """
    descriptor = _open_root(root)
    try:
        for folder in folders:
            if make:
                _make(descriptor, folder)
            descriptor = _step(descriptor, folder)
        yield descriptor
    finally:
        os.close(descriptor)


def open_within(folder: int, name: str, flags: int) -> int:
    """Open a direct child of *folder*.

    Raise `FileNotFoundError` if it is missing or a symbolic link.
    """
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:  # how systems report a link that is not followed
            raise FileNotFoundError(errno.ENOENT, "no such file") from error
        raise


def write_new(to: Path, content: Iterable[bytes]) -> None:
    """Write a new file; after an error, remove it again.

    Raise `FileExistsError` if *to* exists.
    """
    with to.open("xb") as file:
        try:
            file.writelines(content)
            file.flush()
        except BaseException:
            to.unlink(missing_ok=True)
            raise


def _open_root(root: Path) -> int:
    try:
        return os.open(root, _FOLDER)
    except FileNotFoundError as error:  # the volume may not be mounted, so its objects may still exist
        raise OSError(errno.ENODEV, "no such root") from error


def _make(descriptor: int, folder: str) -> None:
    try:
        os.mkdir(folder, 0o700, dir_fd=descriptor)
    except FileExistsError:
        return
    os.fsync(descriptor)


def _step(descriptor: int, folder: str) -> int:
    inner = open_within(descriptor, folder, _FOLDER)
    os.close(descriptor)
    return inner
