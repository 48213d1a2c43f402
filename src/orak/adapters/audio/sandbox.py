"""Restrictions that a process puts on itself before it touches an untrusted file."""

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import cast

from orak.adapters.audio.limits import ConversionLimits, most_work

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


class CpuAllowance:
    """The CPU limit of this process, which grows while audio is decoded.

    A file that costs much CPU and yields little audio is thus stopped within seconds, and a long recording
    that takes several encodings still gets the time it needs. The kernel sends SIGXCPU at the soft limit.
    The hard limit is that of the most work there can be.
    """

    def __init__(self, limits: ConversionLimits, max_duration_seconds: float) -> None:
        self._limits = limits
        self._hard = limits.cpu_after(most_work(max_duration_seconds)) + 1
        self._soft = 0
        self.grow(0)

    def grow(self, work: float) -> None:
        """Raise the limit to what this much *work* may cost, counted from the start.

        The limit never falls.
        """
        soft = min(self._limits.cpu_after(work), self._hard - 1)
        if soft > self._soft:
            self._soft = soft
            resource.setrlimit(resource.RLIMIT_CPU, (soft, self._hard))


def confine(limits: ConversionLimits, max_duration_seconds: float) -> CpuAllowance:
    """Apply *limits* to this process. It can lower their hard limits afterwards, never raise them.

    Two soft limits may rise to a higher hard one: that of CPU (see `CpuAllowance`), and that of the size of a
    file. The latter is raised while the untrusted bytes are decoded, so until `larger_files` ends, a hijacked
    decoder can write files of the size of the kept samples.
    """
    os.umask(0o077)
    with contextlib.suppress(OSError):
        os.nice(10)  # keeps the API responsive on the same cores
    size = limits.file_size(max_duration_seconds)
    for which, value, most in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, size, max(size, limits.kept_sample_bytes)),
        (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (resource.RLIMIT_CORE, 0, 0),  # a core file would contain a user's recording
    ):
        # macOS does not support RLIMIT_AS, and a container's own limit may be lower.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (value, most))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return CpuAllowance(limits, max_duration_seconds)


@contextlib.contextmanager
def larger_files(size: int) -> Iterator[int]:
    """Let this process write files of *size* bytes until the block ends; yield how large they may be.

    The limit stays where it is if it is higher, or cannot be raised so far. After the block it is final: the
    hard limit falls to the soft one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if soft == resource.RLIM_INFINITY:
        yield size
        return
    allowed = max(soft, size if hard == resource.RLIM_INFINITY else min(size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))
    try:
        yield min(size, allowed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, soft))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent *parent* dies (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the call
        os._exit(1)


def leave_the_network() -> None:
    """Move this process to a network namespace without interfaces, if permitted.

    Its future children start in that namespace too.
    """
    libc = _libc()
    if libc is not None and hasattr(libc, "unshare"):
        unshare = cast("Callable[[int], int]", libc.unshare)
        if unshare(_CLONE_NEWNET) != 0:  # not root: a new user namespace may still permit it
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
