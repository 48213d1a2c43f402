import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass

_BOOT = (
    "import sys; from pathlib import Path; sys.path += [p for p in sys.argv[3:] if p not in sys.path]; "
    "from orak.adapters.audio.fork_loop import serve; serve(int(sys.argv[1]), Path(sys.argv[2]))"
)
# How long a server whose socket was closed may take to kill its children and go.
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """The two sockets that lead to a child; both non-blocking.

    `talk` goes to the child itself. `life` goes to the server: closing or shutting it down kills the child,
    and the server writes the child's pid when it starts and its exit code once it is reaped, each as a line.
    """

    talk: socket.socket
    life: socket.socket
    server: subprocess.Popen[bytes]

    def close(self) -> None:
        """Give up the child; if it still runs the server kills it."""
        self.talk.close()
        self.life.close()


class ForkServer:
    """A small clean process that has imported the decoder and forks one child per take from itself.

    Not `multiprocessing`'s forkserver: that one imports the user's `__main__` again, hands its environment
    on, lives once per process rather than once per owner, and pickles. This one is `python -I -c`, with no
    environment, no standard input, a session of its own (Ctrl-C in a terminal does not reach it) and, where
    permitted, no network. It goes when its owner goes: the socket between them closes, also on SIGKILL.
    If it dies itself, the next `fork` starts another one.

    Safe to use from any thread and any event loop; nothing here belongs to a loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._directory: str | None = None
        self._owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server if it does not run; return at once, while it still imports."""
        with self._lock:
            self._ensure_started()

    def fork(self) -> Child:
        """Ask for a child, starting the server first where needed; return at once.

        Raises:
            OSError: no process or socket is to be had.
        """
        talk, its_talk = socket.socketpair()
        life, its_life = socket.socketpair()
        with its_talk, its_life:
            try:
                server = self._send([its_talk.fileno(), its_life.fileno()])
            except OSError:
                talk.close()
                life.close()
                raise
        for end in (talk, life):
            end.settimeout(0)
        return Child(talk, life, server)

    def stop(self) -> None:
        """Kill the children, end the server, wait for it: milliseconds. A repeat does nothing."""
        with self._lock:
            self._forget(wait=True)

    def _send(self, descriptors: list[int]) -> subprocess.Popen[bytes]:
        with self._lock:
            server, control = self._ensure_started()
            try:
                socket.send_fds(control, [b"+"], descriptors)
            except (BrokenPipeError, ConnectionResetError):  # it died unseen: once more, with a new one
                self._forget(wait=True)
                server, control = self._ensure_started()
                socket.send_fds(control, [b"+"], descriptors)
            return server

    def _ensure_started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._owner != os.getpid():  # this process was forked: the server is its parent's
            self._process = self._directory = None
            self._forget(wait=False)
            self._owner = os.getpid()
        if self._process is not None and self._process.poll() is not None:
            self._forget(wait=False)
        if self._control is None or self._process is None:
            self._directory = tempfile.mkdtemp(prefix="orak-decoding-")
            self._control, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own text
                    [sys.executable, "-I", "-c", _BOOT, str(theirs.fileno()), self._directory, *sys.path],
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        return self._process, self._control

    def _forget(self, *, wait: bool) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None and wait:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
