"""The inside of the fork server: a loop that forks, kills and reaps. It parses nothing anyone sent."""

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
from pathlib import Path

from orak.adapters.audio.decoding_child import run
from orak.adapters.audio.limits import die_with, leave_the_network

_DESCRIPTORS_AT_ONCE = 32


def serve(control_descriptor: int, directory: Path) -> None:
    """Fork a child for each pair of sockets that arrives; return when the owner is gone.

    A pair is (talk, life), see `fork_server.Child`. Each child works in a folder of its own under
    *directory*; the owner removes that, and so does this function, for an owner that was killed.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # a shutdown may let takes finish: its owner ends this, no signal
    leave_the_network()
    gc.collect()
    gc.freeze()  # a child's collector then leaves the pages alone that it shares with this process
    try:
        with socket.socket(fileno=control_descriptor) as control:
            _Loop(control, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Loop:
    def __init__(self, control: socket.socket, directory: Path) -> None:
        self._control = control
        self._directory = directory
        self._lives: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        parent = _watch(os.getppid())
        if parent is not None:  # the socket alone may stay open in a process that our parent forked
            self._selector.register(parent, selectors.EVENT_READ)
        try:
            while self._turn(woken, parent):
                pass
        finally:
            signal.set_wakeup_fd(-1)
            for pid in list(self._lives):
                os.kill(pid, signal.SIGKILL)
                self._bury(*os.waitpid(pid, 0))

    def _turn(self, woken: int, parent: int | None) -> bool:
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
            elif key.data in self._lives:  # its owner gave it up
                os.kill(key.data, signal.SIGKILL)
                self._selector.unregister(key.fileobj)
        return True

    def _accept(self) -> bool:
        """Fork what was asked for; False when the owner has closed."""
        try:
            asked, descriptors, _, _ = socket.recv_fds(self._control, 16, _DESCRIPTORS_AT_ONCE)
        except ConnectionResetError:
            return False
        for talk, life in zip(descriptors[::2], descriptors[1::2], strict=False):
            self._fork(socket.socket(fileno=talk), socket.socket(fileno=life))
        return bool(asked)

    def _fork(self, talk: socket.socket, life: socket.socket) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no process to be had: closing both tells
            talk.close()
            life.close()
            return
        if pid == 0:
            # Nothing may return into the loop, whatever happens; and no destructor of it may run here.
            try:
                die_with(server)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                run(talk.fileno(), self._directory)
            finally:
                os._exit(1)
        talk.close()
        self._lives[pid] = life
        self._selector.register(life, selectors.EVENT_READ, pid)
        with contextlib.suppress(OSError):
            life.sendall(b"%d\n" % pid)

    def _reap(self) -> None:
        while self._lives:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._bury(pid, status)

    def _bury(self, pid: int, status: int) -> None:
        life = self._lives.pop(pid)
        with contextlib.suppress(KeyError):
            self._selector.unregister(life)
        shutil.rmtree(self._directory / str(pid), ignore_errors=True)
        with contextlib.suppress(OSError):
            life.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        life.close()


def _watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when process *pid* ends (Linux), None elsewhere."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
