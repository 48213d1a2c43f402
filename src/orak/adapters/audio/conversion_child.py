"""The child process that converts one file.

It confines itself, converts the file, reports the result and exits.
"""

import errno
import os
import socket
import time
import traceback
from pathlib import Path
from typing import NoReturn

import av.logging

from orak.adapters.audio.conversion import convert
from orak.adapters.audio.limits import MEBIBYTE
from orak.adapters.audio.messages import (
    LONGEST_LINE,
    Broken,
    Converted,
    DiskFull,
    LimitExceeded,
    Progress,
    Rejected,
    Report,
    Task,
    line,
    to_task,
)
from orak.adapters.audio.sandbox import CpuAllowance, confine
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

_PROGRESS_SECONDS = 0.25
_LIMIT_ERRORS = frozenset({errno.ENOMEM, errno.EFBIG})
_DISK_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
_LONGEST_TRACEBACK = 8_000  # characters; its end names the error
# Freed before the report is sent, so that a report about exhausted memory needs no new memory.
_RESERVE_BYTES = MEBIBYTE


def run(channel_descriptor: int, directory: Path) -> NoReturn:
    """Receive one task from the socket, carry it out and send the report.

    This never returns.

    The server calls this right after the fork, while all of its own descriptors are still open here.
    """
    os.dup2(channel_descriptor, 3)
    os.closerange(4, 4096)  # the sockets of the server and of the other children
    work = directory / str(os.getpid())
    work.mkdir(mode=0o700)
    os.chdir(work)
    channel = socket.socket(fileno=3)
    task = _receive(channel)
    reserve = bytearray(_RESERVE_BYTES)
    try:
        report = _carry_out(task, channel)
    except BaseException:  # noqa: BLE001 - whatever it is, the parent logs it
        report = Broken(traceback.format_exc()[-_LONGEST_TRACEBACK:])
    del reserve
    try:
        channel.sendall(line(report))
    finally:
        os._exit(0)


class _Reports:
    """Sends progress a few times a second, and lets the CPU allowance grow with the work."""

    def __init__(self, channel: socket.socket, allowance: CpuAllowance) -> None:
        self._channel = channel
        self._allowance = allowance
        self._fraction = self._work = 0.0
        self._sent = time.monotonic()

    def progress(self, fraction: float) -> None:
        self._fraction = fraction
        self._send()

    def decoded(self, work: float) -> None:
        self._work = work
        self._allowance.grow(work)
        self._send()

    def _send(self) -> None:
        now = time.monotonic()
        if now - self._sent >= _PROGRESS_SECONDS:
            self._sent = now
            self._channel.sendall(line(Progress(self._fraction, self._work)))


def _receive(channel: socket.socket) -> Task:
    received = b""
    while not received.endswith(b"\n"):
        part = channel.recv(LONGEST_LINE)
        if not part:
            os._exit(0)  # the parent cancelled before it sent a task
        received += part
    return to_task.decode(received)


def _carry_out(task: Task, channel: socket.socket) -> Report:
    allowance = confine(task.limits, task.max_duration_seconds)
    av.logging.set_level(None)
    Path("input").symlink_to(task.source)  # a neutral name: only the content decides the format
    reports = _Reports(channel, allowance)
    try:
        return Converted(convert(task, Path("input"), progress=reports.progress, decoded=reports.decoded))
    except Unconvertible as error:
        return Rejected(error.failure)
    except MemoryError:
        return LimitExceeded()
    except (OSError, av.error.FFmpegError) as error:
        if error.errno in _LIMIT_ERRORS:
            return LimitExceeded()
        if error.errno in _DISK_FULL_ERRORS:
            return DiskFull()
        if isinstance(error, av.error.FFmpegError):  # the decoded audio cannot be filtered or encoded
            return Rejected(FailureCode.CORRUPT)
        raise
