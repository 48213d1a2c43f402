import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass

_BOOTSTRAP = (
    "import sys; from pathlib import Path; sys.path += [p for p in sys.argv[3:] if p not in sys.path]; "
    "from orak.adapters.audio.fork_loop import serve; serve(int(sys.argv[1]), Path(sys.argv[2]))"
)
# How long the server may take to kill its children and exit once its socket is closed.
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """The two non-blocking sockets of a child process.

    `channel` connects to the child itself, `lifeline` to the server. Closing the lifeline or shutting it
    down kills the child. The server writes two lines to it: the child's pid when the child starts, and its
    exit code once it is reaped.
    """

    channel: socket.socket
    lifeline: socket.socket
    server: subprocess.Popen[bytes]

    def close(self) -> None:
        """Close both sockets. The server kills the child if it still runs."""
        self.channel.close()
        self.lifeline.close()


class ForkServer:
    """A small process with the decoder imported; it forks once for each conversion.

    The forkserver of `multiprocessing` does not fit: it imports the user's `__main__` again, passes its
    environment on, exists once per process instead of once per owner, and uses pickle. This one is
    `python -I -c` with no environment, no standard input, its own session (Ctrl-C in a terminal does not
    reach it) and, where permitted, no network. It exits when its owner exits, also after SIGKILL, because
    the socket between them closes. If the server dies, the next `fork` starts a new one.

    Any thread and any event loop may use it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._directory: str | None = None
        self._owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The process id of the running server; None if it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server if it does not run.

        Return at once, while it is still importing.
        """
        with self._lock:
            self._ensure_started()

    def fork(self) -> Child:
        """Request a child and return at once; start the server first if it does not run.

        Raises:
            OSError: the system cannot provide a process or a socket.
        """
        channel, remote_channel = socket.socketpair()
        lifeline, remote_lifeline = socket.socketpair()
        with remote_channel, remote_lifeline:
            try:
                server = self._send([remote_channel.fileno(), remote_lifeline.fileno()])
            except OSError:
                channel.close()
                lifeline.close()
                raise
        for end in (channel, lifeline):
            end.settimeout(0)
        return Child(channel, lifeline, server)

    def stop(self) -> None:
        """Kill the children and end the server, within milliseconds.

        Repeating this does nothing.
        """
        with self._lock:
            self._discard(wait=True)

    def _send(self, descriptors: list[int]) -> subprocess.Popen[bytes]:
        with self._lock:
            server, control = self._ensure_started()
            try:
                socket.send_fds(control, [b"+"], descriptors)
            except (BrokenPipeError, ConnectionResetError):  # the server died unnoticed: retry with a new one
                self._discard(wait=True)
                server, control = self._ensure_started()
                socket.send_fds(control, [b"+"], descriptors)
            return server

    def _ensure_started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._owner != os.getpid():  # this process was forked: the server belongs to its parent
            self._process = self._directory = None
            self._discard(wait=False)
            self._owner = os.getpid()
        if self._process is not None and self._process.poll() is not None:
            self._discard(wait=False)
        if self._control is None or self._process is None:
            self._directory = tempfile.mkdtemp(prefix="orak-decoding-")
            self._control, remote_control = socket.socketpair()
            with remote_control:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter runs a constant script
                    [
                        sys.executable,
                        "-I",
                        "-c",
                        _BOOTSTRAP,
                        str(remote_control.fileno()),
                        self._directory,
                        *sys.path,
                    ],
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[remote_control.fileno()],
                    start_new_session=True,
                )
        return self._process, self._control

    def _discard(self, *, wait: bool) -> None:
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
