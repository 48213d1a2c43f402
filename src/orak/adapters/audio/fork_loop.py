"""The loop of the fork server.

It forks, kills and reaps children, and parses no input.
"""

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
from pathlib import Path

from orak.adapters.audio.conversion_child import run
from orak.adapters.audio.sandbox import die_with, leave_the_network

_MAX_DESCRIPTORS = 32


def serve(control_descriptor: int, directory: Path) -> None:
    """Fork a child for each pair of sockets received; return when the owner is gone.

    A pair is (channel, lifeline), see `fork_server.Child`. Each child works in its own folder under
    *directory*. The owner removes *directory*; this function does too, in case the owner was killed.
    """
    # A shutdown lets running conversions finish, so only the owner ends this process, never a signal.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leave_the_network()
    gc.collect()
    gc.freeze()  # a child's garbage collector then leaves the shared memory pages untouched
    try:
        with socket.socket(fileno=control_descriptor) as control:
            _Loop(control, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Loop:
    def __init__(self, control: socket.socket, directory: Path) -> None:
        self._control = control
        self._directory = directory
        self._lifelines: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        parent = _process_descriptor(os.getppid())
        if parent is not None:  # the socket may stay open in another process that the parent forked
            self._selector.register(parent, selectors.EVENT_READ)
        try:
            while self._handle_events(woken, parent):
                pass
        finally:
            signal.set_wakeup_fd(-1)
            for pid in list(self._lifelines):
                os.kill(pid, signal.SIGKILL)
                self._clean_up(*os.waitpid(pid, 0))

    def _handle_events(self, woken: int, parent: int | None) -> bool:
        """Wait for events and handle them; return False when the owner is gone."""
        for key, _ in self._selector.select():
            if key.fileobj is self._control:
                if not self._accept():
                    return False
            elif key.fileobj == woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            elif key.fileobj == parent:
                return False
            elif key.data in self._lifelines:  # the owner closed the lifeline
                os.kill(key.data, signal.SIGKILL)
                self._selector.unregister(key.fileobj)
        return True

    def _accept(self) -> bool:
        """Fork the requested children; return False when the owner has closed the socket."""
        try:
            received, descriptors, _, _ = socket.recv_fds(self._control, 16, _MAX_DESCRIPTORS)
        except ConnectionResetError:
            return False
        for channel, lifeline in zip(descriptors[::2], descriptors[1::2], strict=False):
            self._fork(socket.socket(fileno=channel), socket.socket(fileno=lifeline))
        return bool(received)

    def _fork(self, channel: socket.socket, lifeline: socket.socket) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # too many processes: the closed sockets report it to the owner
            channel.close()
            lifeline.close()
            return
        if pid == 0:
            # The child must never return into the loop, nor run one of the loop's destructors.
            try:
                die_with(server)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                run(channel.fileno(), self._directory)
            finally:
                os._exit(1)
        channel.close()
        self._lifelines[pid] = lifeline
        self._selector.register(lifeline, selectors.EVENT_READ, pid)
        with contextlib.suppress(OSError):
            lifeline.sendall(b"%d\n" % pid)

    def _reap(self) -> None:
        while self._lifelines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._clean_up(pid, status)

    def _clean_up(self, pid: int, status: int) -> None:
        lifeline = self._lifelines.pop(pid)
        with contextlib.suppress(KeyError):
            self._selector.unregister(lifeline)
        shutil.rmtree(self._directory / str(pid), ignore_errors=True)
        with contextlib.suppress(OSError):
            lifeline.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        lifeline.close()


def _process_descriptor(pid: int) -> int | None:
    """Return a descriptor that is readable once process *pid* ends (Linux), or None."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
