"""One of the processes that serve a port together, as its parent sees it, and what it inherits."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from orak.entrypoints.cli.signals import SHUTDOWN_SECONDS

READY = b"+"
"""What a web worker sends to its parent once it serves."""

DRAIN = b"d"
"""What the parent sends when it begins to drain."""

_KILL_SECONDS = SHUTDOWN_SECONDS - 1.0
"""From SIGTERM to SIGKILL: before the deadline of the parent itself."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a web worker gets from its parent: its number, three descriptors, and where to count answers."""

    index: int
    """Its number among *processes*."""
    processes: int
    listener: int
    channel: int
    """The socket on which it reports that it serves; the parent's end closes when the parent ends."""
    tables: int
    """The memory of the metrics of all processes."""
    table: int
    """The part of that memory that this process writes."""
    table_bytes: int
    """The size of each part. The parent may be of another version, with other tables."""


class StartFailed(Exception):
    """A web worker did not get to serve. The log says why; `code` is the exit code for it."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code


class WebWorker:
    """A process that serves, and counts its answers in *table*."""

    def __init__(self, table: int, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.table = table
        self._process = process
        self._channel = channel
        self._served_since = asyncio.get_running_loop().time()
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, table: int, command: Callable[[int], Sequence[str]], *descriptors: int
    ) -> "WebWorker":
        """Start the *command* of a channel, which inherits *descriptors*; return before it serves."""
        channel, remote = socket.socketpair()
        channel.settimeout(0)
        with remote:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command(remote.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[remote.fileno(), *descriptors],
                    start_new_session=True,  # Ctrl-C and a hang-up of the terminal reach the parent alone
                )
            except BaseException:
                channel.close()  # asyncio has killed the process, if there was one
                raise
        return cls(table, process, channel)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def seconds_served(self) -> float:
        """Seconds since it began to serve, also after its end."""
        return asyncio.get_running_loop().time() - self._served_since

    @property
    def how_it_ended(self) -> str:
        """Its exit code, or the signal that ended it."""
        code = self._process.returncode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    async def ready(self, seconds: float) -> None:
        """Wait until it serves. Raise `StartFailed` if it ends before, or needs more than *seconds*."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                received = await loop.sock_recv(self._channel, len(READY))
                if received != READY:
                    code = await self._process.wait()
                    raise StartFailed(self.how_it_ended, code)
        except TimeoutError:
            _log.error(
                "process %d does not serve after %g s: ended",
                *(self.pid, seconds),
                extra={"event": "web_worker", "outcome": "late", "pid": self.pid},
            )
            raise StartFailed(f"no answer within {seconds:g} s", 1) from None
        self._served_since = loop.time()

    def drain(self) -> None:
        """Have the process report that it is not ready, and go on serving."""
        with suppress(OSError):  # it has ended
            self._channel.send(DRAIN)

    async def ended(self) -> None:
        """Wait for the end of the process."""
        await self._process.wait()

    async def end(self) -> None:
        """Have the process finish what it does, and kill it if that takes too long.

        Further calls wait for the same end: a second SIGTERM would cut it short. To cancel a call does not
        cancel the end.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name="end of a web worker")
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_KILL_SECONDS):
                await self._process.wait()
        except TimeoutError:
            _log.error(
                "process %d did not end within %g s: killed",
                *(self.pid, _KILL_SECONDS),
                extra={"event": "web_worker", "outcome": "killed", "pid": self.pid},
            )
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self._channel.close()
