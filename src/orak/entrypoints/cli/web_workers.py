"""Several processes that serve one port, and the parent that starts them, replaces them and ends them."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import IO

from orak.adapters.measurements.tables import TABLE_BYTES, shared_tables
from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.web_worker_process import Inherited, StartFailed, WebWorker

_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a web worker is started again, by the number of failures in a row."""

_SETTLED_SECONDS = 60.0
"""A web worker that served this long did not fail because of how it starts."""

_FIRST_START_SECONDS = 600.0
"""How long the first start may take until the process serves: it may migrate a large database."""

_START_SECONDS = 60.0
"""How long a later start may take: meanwhile, connections may wait."""

_TABLES_OF_A_LISTENER = 2
"""While a process is replaced, both it and its successor count."""

_log = logging.getLogger(__name__)

Command = Callable[[Inherited], Sequence[str]]
"""Returns the command line of a web worker."""


def tables_for(listeners: int) -> IO[bytes]:
    """Return the memory in which the processes on so many listeners count. Raise `CommandError`."""
    try:
        return shared_tables(listeners * _TABLES_OF_A_LISTENER)
    except OSError as error:
        raise CommandError(
            f"no room for the metrics of the web workers: {error.strerror}",
            "free memory and disk space, or set WEB_WORKERS to 1",
        ) from None


class WebWorkers:
    """The parent of the processes that serve one port.

    Each has a listener of its own on the port (`SO_REUSEPORT`): the kernel then spreads connections evenly.
    With one shared listener, the process that wakes up first accepts most of a burst. The listeners stay open
    here: connections that arrive while a process is replaced wait for its successor and are not refused.

    A process that dies is started again. If that fails too often, all end: a listener without a process would
    keep its part of the connections waiting. All of them end when the parent ends, also after SIGKILL,
    because their channel to it closes.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], tables: int, command: Command, *, more: Sequence[int] = ()
    ) -> None:
        """Run a process of *command* for each of *listeners*; *tables* is what `tables_for` made.

        Each process inherits the descriptors *more*, too.
        """
        self._served = [
            _ServedListener(index, len(listeners), listener, tables, command, more=more)
            for index, listener in enumerate(listeners)
        ]
        self._all_serve = False
        self._draining = False
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

    async def drain(self) -> None:
        """Have all processes report that they are not ready, and go on serving, until this is cancelled.

        A process that dies is started again meanwhile, but none is replaced.
        """
        self._draining = True
        for served in self._served:
            served.drain()
        await asyncio.Event().wait()

    def restart(self) -> None:
        """Replace the processes one after the other; during the start, as soon as all of them serve."""
        if self._draining:
            _log.warning("the shutdown has begun: SIGHUP ignored", extra={"event": "restart"})
        elif not self._all_serve:
            self._restart_is_due = True
        elif self._restarting is None or self._restarting.done():
            self._restarting = asyncio.create_task(self._replace_all(), name="restart")
        else:
            _log.warning(
                "a restart of the web workers is under way: SIGHUP ignored", extra={"event": "restart"}
            )

    async def _replace_all(self) -> None:
        _log.info("restarting %d web workers", len(self._served), extra={"event": "restart"})
        for served in self._served:
            try:
                await served.replace()
            except (StartFailed, OSError) as error:
                _log.error(
                    "restart given up: web worker %d does not start: %s",
                    *(served.index, error),
                    extra={"event": "restart", "outcome": "failed", "reason": str(error)},
                )
                return
        _log.info(
            "restarted %d web workers",
            len(self._served),
            extra={"event": "restart", "outcome": "completed"},
        )


class _ServedListener:
    """A listener, and the process that serves it. While that is replaced, there are two."""

    def __init__(
        self,
        index: int,
        processes: int,
        listener: socket.socket,
        tables: int,
        command: Command,
        *,
        more: Sequence[int],
    ) -> None:
        self.index = index
        self._failures = 0
        """How many processes in a row could not start, or did not serve for long."""
        self._processes = processes
        self._listener = listener
        self._tables = tables
        self._command = command
        self._more = more
        self._worker: WebWorker | None = None
        """The one that serves."""
        self._alive: list[WebWorker] = []
        """Also those that start or end."""
        self._draining = False
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

    def drain(self) -> None:
        """Have the processes report that they are not ready, also those that start from now on."""
        self._draining = True
        for worker in self._alive:
            worker.drain()

    async def close(self) -> None:
        """End all processes at once; return when they are gone."""
        await asyncio.gather(*map(self._end, self._alive))

    async def _start(self, seconds: float) -> WebWorker:
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

        worker = await WebWorker.start(table, command, self._listener.fileno(), self._tables, *self._more)
        self._alive.append(worker)  # if this is cancelled from here on, `close` ends it
        try:
            await worker.ready(seconds)
            if self._draining:
                worker.drain()
        except (StartFailed, OSError):
            await self._end(worker)
            raise
        return worker

    async def _end(self, worker: WebWorker) -> None:
        await worker.end()
        self._alive.remove(worker)

    def _note_end(self, worker: WebWorker) -> None:
        self._failures = 1 if worker.seconds_served > _SETTLED_SECONDS else self._failures + 1
        _log.error(
            "web worker %d (process %d) ended: %s",
            *(self.index, worker.pid, worker.how_it_ended),
            extra={"event": "web_worker", "outcome": "ended", "pid": worker.pid},
        )

    async def _reopen(self) -> None:
        try:
            self._worker = await self._start(_START_SECONDS)
        except (StartFailed, OSError) as error:
            self._failures += 1
            _log.error(
                "web worker %d does not start: %s",
                *(self.index, error),
                extra={"event": "web_worker", "outcome": "failed", "reason": str(error)},
            )
        else:
            _log.warning(
                "web worker %d serves again",
                self.index,
                extra={"event": "web_worker", "outcome": "started", "pid": self._worker.pid},
            )
