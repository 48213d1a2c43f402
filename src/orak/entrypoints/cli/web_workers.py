"""Several processes that serve one port, and the parent that starts them, replaces them and ends them."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.signals import SHUTDOWN_SECONDS
from orak.entrypoints.http.serving.request_metrics import TABLE_BYTES

READY = b"+"
"""What a web worker sends to its parent once it serves."""

_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a web worker is started again, by the number of failures in a row."""

_SETTLED_SECONDS = 60.0
"""A web worker that served this long did not fail because of how it starts."""

_FIRST_START_SECONDS = 600.0
"""How long the first start may take until the process serves: it may migrate a large database."""

_START_SECONDS = 60.0
"""How long a later start may take: meanwhile, connections may wait."""

_KILL_SECONDS = SHUTDOWN_SECONDS - 1.0
"""From SIGTERM to SIGKILL: before the deadline of the parent itself."""

_TABLES_OF_A_LISTENER = 2
"""While a process is replaced, both it and its successor count answers."""

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


Command = Callable[[Inherited], Sequence[str]]
"""Returns the command line of a web worker."""


class StartFailed(Exception):
    """A web worker did not get to serve. The log says why; `code` is the exit code for it."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code


class WebWorkers:
    """The parent of the processes that serve one port.

    Each has a listener of its own on the port (`SO_REUSEPORT`): the kernel then spreads connections evenly.
    With one shared listener, the process that wakes up first accepts most of a burst. The listeners stay open
    here: connections that arrive while a process is replaced wait for its successor and are not refused.

    A process that dies is started again. If that fails too often, all end: a listener without a process would
    keep its part of the connections waiting. All of them end when the parent ends, also after SIGKILL,
    because their channel to it closes.
    """

    def __init__(self, listeners: Sequence[socket.socket], tables: int, command: Command) -> None:
        """Run a process of *command* for each of *listeners*; *tables* is an empty file for metrics."""
        os.ftruncate(tables, len(listeners) * _TABLES_OF_A_LISTENER * TABLE_BYTES)
        self._served = [
            _ServedListener(index, len(listeners), listener, tables, command)
            for index, listener in enumerate(listeners)
        ]
        self._all_serve = False
        self._restart_is_due = False
        self._restarting: asyncio.Task[None] | None = None

    async def run(self, announce: Callable[[], None]) -> None:
        """Start the processes, call *announce* once all of them serve, and keep them running until cancelled.

        Raises:
            StartFailed: one of them could not start.
            CommandError: one of them cannot start any more.
        """
        tasks: list[asyncio.Task[None]] = []
        try:
            # The first one alone: what keeps it from starting keeps the others, too, and is reported once.
            await self._served[0].open()
            tasks = [asyncio.create_task(served.open()) for served in self._served[1:]]
            await asyncio.gather(*tasks)
            self._all_serve = True
            announce()
            tasks = [asyncio.create_task(served.keep()) for served in self._served]
            if self._restart_is_due:
                self.restart()
            await asyncio.gather(*tasks)
        finally:
            self._all_serve = False
            if self._restarting is not None:
                tasks.append(self._restarting)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(served.close() for served in self._served))

    def restart(self) -> None:
        """Replace the processes one after the other; during the start, as soon as all of them serve."""
        if not self._all_serve:
            self._restart_is_due = True
        elif self._restarting is None or self._restarting.done():
            self._restarting = asyncio.create_task(self._replace_all(), name="restart")
        else:
            _log.warning("a restart of the web workers is under way: SIGHUP ignored")

    async def _replace_all(self) -> None:
        _log.info("restarting %d web workers", len(self._served))
        for served in self._served:
            try:
                await served.replace()
            except (StartFailed, OSError) as error:
                _log.error("restart given up: web worker %d does not start: %s", served.index, error)
                return
        _log.info("restarted %d web workers", len(self._served))


class _ServedListener:
    """A listener, and the process that serves it. While that is replaced, there are two."""

    def __init__(
        self, index: int, processes: int, listener: socket.socket, tables: int, command: Command
    ) -> None:
        self.index = index
        self._failures = 0
        """How many processes in a row could not start, or did not serve for long."""
        self._processes = processes
        self._listener = listener
        self._tables = tables
        self._command = command
        self._worker: _Worker | None = None
        """The one that serves."""
        self._alive: list[_Worker] = []
        """Also those that start or end."""
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Start the first process. Raise `StartFailed` if it does not get to serve."""
        self._worker = await self._start(_FIRST_START_SECONDS)

    async def keep(self) -> None:
        """Start a new process whenever the current one ends.

        Raise `CommandError` once that has failed too often in a row.
        """
        while True:
            worker = self._worker
            if worker is not None:
                await worker.ended()
            async with self._changing:
                if self._worker is not worker:  # it was replaced
                    continue
                if worker is not None:
                    self._worker = None
                    await self._end(worker)
                    self._note_end(worker)
                if self._failures > len(_PAUSES):
                    raise CommandError(
                        f"web worker {self.index} cannot start any more",
                        "the lines above say why; `orak doctor` checks more",
                    )
                await asyncio.sleep(_PAUSES[self._failures - 1])
                await self._reopen()

    async def replace(self) -> None:
        """Start a new process, and end the current one once the new one serves.

        Raise `StartFailed` if the new one does not get to serve; the current one then goes on.
        """
        async with self._changing:
            successor = await self._start(_START_SECONDS)
            worker, self._worker = self._worker, successor
            self._failures = 0
            if worker is not None:
                await self._end(worker)

    async def close(self) -> None:
        """End all processes at once; return when they are gone."""
        await asyncio.gather(*map(self._end, self._alive))

    async def _start(self, seconds: float) -> "_Worker":
        used = {worker.table for worker in self._alive}
        table = next(number for number in range(_TABLES_OF_A_LISTENER) if number not in used)

        def command(channel: int) -> Sequence[str]:
            return self._command(
                Inherited(
                    self.index,
                    self._processes,
                    self._listener.fileno(),
                    channel,
                    self._tables,
                    self.index * _TABLES_OF_A_LISTENER + table,
                    TABLE_BYTES,
                )
            )

        worker = await _Worker.start(table, command, self._listener.fileno(), self._tables)
        self._alive.append(worker)  # if this is cancelled from here on, `close` ends it
        try:
            await worker.ready(seconds)
        except (StartFailed, OSError):
            await self._end(worker)
            raise
        return worker

    async def _end(self, worker: "_Worker") -> None:
        await worker.end()
        self._alive.remove(worker)

    def _note_end(self, worker: "_Worker") -> None:
        self._failures = 1 if worker.seconds_served > _SETTLED_SECONDS else self._failures + 1
        _log.error("web worker %d (process %d) ended: %s", self.index, worker.pid, worker.how_it_ended)

    async def _reopen(self) -> None:
        try:
            self._worker = await self._start(_START_SECONDS)
        except (StartFailed, OSError) as error:
            self._failures += 1
            _log.error("web worker %d does not start: %s", self.index, error)
        else:
            _log.warning("web worker %d serves again", self.index)


class _Worker:
    """A process that serves, and counts its answers in *table*."""

    def __init__(self, table: int, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.table = table
        self._process = process
        self._channel = channel
        self._served_since = asyncio.get_running_loop().time()
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, table: int, command: Callable[[int], Sequence[str]], *descriptors: int) -> "_Worker":
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
        return self._process.pid

    @property
    def seconds_served(self) -> float:
        return asyncio.get_running_loop().time() - self._served_since

    @property
    def how_it_ended(self) -> str:
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
            _log.error("process %d does not serve after %g s: ended", self.pid, seconds)
            raise StartFailed(f"no answer within {seconds:g} s", 1) from None
        self._served_since = loop.time()

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
            _log.error("process %d did not end within %g s: killed", self.pid, _KILL_SECONDS)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self._channel.close()
