"""The inside of a child: walls up, one take, one answer."""

import errno
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

import av.logging

from orak.adapters.audio.limits import MEBIBYTE, confine
from orak.adapters.audio.messages import (
    LONGEST_LINE,
    Advanced,
    Converted,
    Exhausted,
    NoRoom,
    Refused,
    Report,
    Task,
    line,
    to_task,
)
from orak.adapters.audio.take import convert
from orak.application.ports.audio import Unconvertible
from orak.domain.processing import FailureCode

_PROGRESS_SECONDS = 0.25
_OVER_ITS_LIMIT = frozenset({errno.ENOMEM, errno.EFBIG})
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# Handed back when memory ran out, so that saying so needs none.
_RESERVE_BYTES = MEBIBYTE


def run(talk_descriptor: int, directory: Path) -> NoReturn:
    """Take one order from the socket, carry it out and answer; never return.

    Called right after the fork, with everything of the server's still open.
    """
    os.dup2(talk_descriptor, 3)
    os.closerange(4, 4096)  # the other children's sockets, and the server's
    work = directory / str(os.getpid())
    work.mkdir(mode=0o700)
    os.chdir(work)
    talk = socket.socket(fileno=3)
    task = _receive(talk)
    reserve = bytearray(_RESERVE_BYTES)
    code = 0
    try:
        report = _carry_out(task, talk)
    except BaseException:  # noqa: BLE001 - nothing may leave a forked child but its exit code
        traceback.print_exc()
        code = 1
    else:
        del reserve
        talk.sendall(line(report))
    sys.stderr.flush()
    os._exit(code)


def _receive(talk: socket.socket) -> Task:
    received = b""
    while not received.endswith(b"\n"):
        part = talk.recv(LONGEST_LINE)
        if not part:
            os._exit(0)  # the parent changed its mind
        received += part
    return to_task.decode(received)


def _carry_out(task: Task, talk: socket.socket) -> Report:
    allowance = confine(task.limits, task.max_duration_seconds)
    av.logging.set_level(None)
    Path("input").symlink_to(task.source)  # a name that says nothing: the content decides
    last = time.monotonic()

    def progress(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            talk.sendall(line(Advanced(fraction)))

    try:
        return Converted(convert(task, Path("input"), progress=progress, decoded=allowance.grow))
    except Unconvertible as refusal:
        return Refused(refusal.failure)
    except MemoryError:
        return Exhausted()
    except (OSError, av.error.FFmpegError) as error:
        if error.errno in _OVER_ITS_LIMIT:
            return Exhausted()
        if error.errno in _DISK_FULL:
            return NoRoom()
        if isinstance(error, av.error.FFmpegError):  # what was decoded cannot be filtered or encoded
            return Refused(FailureCode.CORRUPT)
        raise
