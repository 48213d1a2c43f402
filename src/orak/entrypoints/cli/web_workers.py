"""Several processes that serve one port, and the parent that starts them, replaces them and ends them."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.signals import SHUTDOWN_SECONDS
from orak.entrypoints.http.serving.request_metrics import TABLE_BYTES

READY = b"+"
"""What a web worker sends to its parent once it serves."""

_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a web worker is started again, by the number of failures in a row; the last one repeats."""

_SETTLED_SECONDS = 60.0
"""A web worker that served this long did not fail because of how it starts."""

_READY_SECONDS = 60.0
"""How long a replacement may take until it serves; migrations wait for a lock that long."""

_KILL_SECONDS = SHUTDOWN_SECONDS - 1.0
"""From SIGTERM to SIGKILL: before the deadline of the parent itself."""

_TABLES_OF_A_PLACE = 2
"""While a process is replaced, both it and its successor count answers."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a web worker gets from its parent: its place, and three descriptors."""

    place: int
    """Its number among *processes*."""
    processes: int
    listener: int
    channel: int
    """The socket on which it reports that it serves; the parent's end closes when the parent ends."""
    tables: int
    """The memory of the metrics of all processes."""
    table: int
    """The part of that memory that this process writes."""


Command = Callable[[Inherited], Sequence[str]]
"""Returns the command line of a web worker."""


class StartFailed(Exception):
    """A web worker ended before it served. It has reported why; `code` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class WebWorkers:
    """The parent of the processes that serve one port.

    Each has a listener of its own on the port (`SO_REUSEPORT`): the kernel then spreads connections evenly.
    With one shared listener, the process that wakes up first accepts most of a burst. The listeners stay open
    here: connections that arrive while a process is replaced wait for its successor and are not refused.

    A process that dies is started again. All of them end when the parent ends, also after SIGKILL, because
    their channel to it closes.
    """

    def __init__(self, listeners: Sequence[socket.socket], tables: int, command: Command) -> None:
        """Run a process of *command* for each of *listeners*; *tables* is an empty file for metrics."""
        os.ftruncate(tables, len(listeners) * _TABLES_OF_A_PLACE * TABLE_BYTES)
        self._places = [
            _Place(index, len(listeners), listener, tables, command)
            for index, listener in enumerate(listeners)
        ]
        self._restarting: asyncio.Task[None] | None = None

    async def run(self, announce: Callable[[], None]) -> None:
        """Start the processes, call *announce* once all of them serve, and keep them running until cancelled.

        SIGHUP replaces them one after the other.

        Raises:
            StartFailed: the first of them could not start.
            CommandError: none of them can start any more.
        """
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []
        try:
            # The first one alone: what keeps it from starting keeps the others, too, and is reported once.
            await self._places[0].open()
            tasks = [asyncio.create_task(place.open()) for place in self._places[1:]]
            await asyncio.gather(*tasks)
            loop.add_signal_handler(signal.SIGHUP, self._restart)
            announce()
            tasks = [asyncio.create_task(place.keep(self._check_any_serves)) for place in self._places]
            await asyncio.gather(*tasks)
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            if self._restarting is not None:
                tasks.append(self._restarting)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(place.close() for place in self._places))

    def _check_any_serves(self) -> None:
        if not any(place.serves for place in self._places) and all(
            place.failures >= len(_PAUSES) for place in self._places
        ):
            raise CommandError(
                "no web worker can start", "the lines above say why; `orak doctor` checks more"
            )

    def _restart(self) -> None:
        if self._restarting is None or self._restarting.done():
            self._restarting = asyncio.create_task(self._replace_all(), name="restart")
        else:
            _log.warning("a restart of the web workers is under way: SIGHUP ignored")

    async def _replace_all(self) -> None:
        _log.info("restarting %d web workers", len(self._places))
        for place in self._places:
            try:
                await place.replace()
            except (StartFailed, TimeoutError, OSError) as error:
                _log.error("restart given up: web worker %d does not start: %s", place.index, error)
                return
        _log.info("restarted %d web workers", len(self._places))


class _Place:
    """One of the listeners, and the process that serves it."""

    def __init__(
        self, index: int, places: int, listener: socket.socket, tables: int, command: Command
    ) -> None:
        self.index = index
        self.failures = 0
        """How many processes in a row could not start, or did not serve for long."""
        self._places = places
        self._listener = listener
        self._tables = tables
        self._table = 0
        self._command = command
        self._worker: _Worker | None = None
        self._changing = asyncio.Lock()

    @property
    def serves(self) -> bool:
        return self._worker is not None and self._worker.runs

    async def open(self) -> None:
        """Start the first process. Raise `StartFailed` if it ends before it serves."""
        self._worker = await self._start()

    async def keep(self, check: Callable[[], None]) -> None:
        """Start a new process whenever the present one ends. *check* may raise after each failure."""
        while True:
            worker = self._worker
            if worker is not None:
                await worker.ended()
            async with self._changing:
                if self._worker is not worker:  # it was replaced
                    continue
                if worker is not None:
                    self._worker = None
                    self._note_end(worker)
                check()
                await asyncio.sleep(_PAUSES[min(self.failures, len(_PAUSES)) - 1])
                await self._reopen()

    async def replace(self) -> None:
        """Start a new process, and end the present one once the new one serves."""
        async with self._changing:
            successor = await asyncio.wait_for(self._start(), _READY_SECONDS)
            worker, self._worker = self._worker, successor
            self.failures = 0
            if worker is not None:
                await worker.end()

    async def close(self) -> None:
        """End the process; return when it is gone."""
        if self._worker is not None:
            await self._worker.end()

    async def _start(self) -> "_Worker":
        self._table = (self._table + 1) % _TABLES_OF_A_PLACE
        listener, table = self._listener.fileno(), self.index * _TABLES_OF_A_PLACE + self._table

        def command(channel: int) -> Sequence[str]:
            return self._command(Inherited(self.index, self._places, listener, channel, self._tables, table))

        return await _Worker.start(command, listener, self._tables)

    def _note_end(self, worker: "_Worker") -> None:
        self.failures = 1 if worker.seconds_served > _SETTLED_SECONDS else self.failures + 1
        _log.error("web worker %d (process %d) ended: %s", self.index, worker.pid, worker.how_it_ended)

    async def _reopen(self) -> None:
        try:
            await self.open()
        except (StartFailed, OSError) as error:
            self.failures += 1
            _log.error("web worker %d does not start: %s", self.index, error)
        else:
            _log.warning("web worker %d serves again", self.index)


class _Worker:
    """A process that serves."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._served_since = asyncio.get_running_loop().time()

    @classmethod
    async def start(cls, command: Callable[[int], Sequence[str]], *descriptors: int) -> "_Worker":
        """Start the *command* of a channel, which inherits *descriptors*; return once it serves.

        Raise `StartFailed` if it ends before.
        """
        channel, remote = socket.socketpair()
        channel.settimeout(0)
        with remote:
            process = await asyncio.create_subprocess_exec(
                *command(remote.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[remote.fileno(), *descriptors],
                start_new_session=True,  # Ctrl-C and a hang-up of the terminal reach the parent alone
            )
        worker = cls(process, channel)
        try:
            await worker._ready()
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.returncode is None

    @property
    def seconds_served(self) -> float:
        return asyncio.get_running_loop().time() - self._served_since

    @property
    def how_it_ended(self) -> str:
        code = self._process.returncode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    async def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        if await loop.sock_recv(self._channel, len(READY)) != READY:
            raise StartFailed(await self._process.wait())
        self._served_since = loop.time()

    async def ended(self) -> None:
        """Wait for the end of the process."""
        await self._process.wait()

    async def end(self) -> None:
        """Have the process finish what it does, and kill it if that takes too long."""
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
