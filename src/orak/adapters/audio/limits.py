"""What one conversion may cost, and the walls around the process that pays it."""

import contextlib
import ctypes
import math
import os
import resource
import signal
from collections.abc import Callable
from typing import cast

import msgspec

MEBIBYTE = 1024 * 1024

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


class DecodingLimits(msgspec.Struct, frozen=True):
    """How much memory, time and disk one take may use before its process is killed."""

    memory_bytes: int = 1024 * MEBIBYTE
    """Address space, the decoder's libraries included."""

    cpu_seconds: int = 10
    cpu_seconds_per_decoded_second: float = 0.1
    """CPU time: `cpu_seconds` at once, and so much more for each second of audio really decoded."""

    wall_seconds: int = 60
    wall_seconds_per_cpu_second: float = 4
    """Wall clock: what stands still is killed too, what waits for its turn on a busy machine is not."""

    output_bytes: int = MEBIBYTE
    output_bytes_per_second: int = 48_000
    """Size of each written file: twice the highest bit rate there is (192 kb/s), and room for headers."""

    open_files: int = 32

    def cpu_after(self, decoded_seconds: float) -> int:
        """CPU seconds allowed once this much audio has been decoded."""
        return self.cpu_seconds + math.ceil(self.cpu_seconds_per_decoded_second * decoded_seconds)

    def wall_clock(self, max_duration_seconds: float) -> float:
        """Seconds from start to end that the longest allowed take may need."""
        return self.wall_seconds + self.wall_seconds_per_cpu_second * self.cpu_after(max_duration_seconds)

    def file_size(self, max_duration_seconds: float) -> int:
        """Bytes that a file written for the longest allowed take may have."""
        return self.output_bytes + math.ceil(self.output_bytes_per_second * max_duration_seconds)


class CpuAllowance:
    """The CPU limit of this process, which grows as audio is decoded.

    A file that costs much and yields little is thus stopped after seconds, while a long take has the time it
    needs. The kernel sends SIGXCPU at the soft limit; the hard one is that of the longest allowed take.
    """

    def __init__(self, limits: DecodingLimits, max_duration_seconds: float) -> None:
        self._limits = limits
        self._hard = limits.cpu_after(max_duration_seconds) + 1
        self._soft = 0
        self.grow(0)

    def grow(self, decoded_seconds: float) -> None:
        """Allow what is due to *decoded_seconds* of audio in all; less than before changes nothing."""
        soft = min(self._limits.cpu_after(decoded_seconds), self._hard - 1)
        if soft > self._soft:
            self._soft = soft
            resource.setrlimit(resource.RLIMIT_CPU, (soft, self._hard))


def confine(limits: DecodingLimits, max_duration_seconds: float) -> CpuAllowance:
    """Put this process behind its limits; it can lower them afterwards, never raise them."""
    os.umask(0o077)
    with contextlib.suppress(OSError):
        os.nice(10)  # the API on the same cores keeps answering
    size = limits.file_size(max_duration_seconds)
    for which, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),  # a core file would hold what someone sang
    ):
        with contextlib.suppress(OSError, ValueError):  # macOS knows no RLIMIT_AS; a container may set less
            resource.setrlimit(which, (value, value))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return CpuAllowance(limits, max_duration_seconds)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, process *parent*, dies (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def leave_the_network() -> None:
    """Move this process, and all it will fork, to a network namespace with no interface, where permitted."""
    libc = _libc()
    if libc is not None and hasattr(libc, "unshare"):
        unshare = cast("Callable[[int], int]", libc.unshare)
        if unshare(_CLONE_NEWNET) != 0:  # not root: a user namespace of its own may do
            unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _prctl(option: int, value: int) -> None:
    libc = _libc()
    if libc is not None and hasattr(libc, "prctl"):
        libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None)
    except OSError:
        return None
