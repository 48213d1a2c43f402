"""The parent of several processes on one port, with small programs as its web workers."""

import asyncio
import socket
import sys
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from orak.adapters.measurements.tables import TABLE_BYTES
from orak.entrypoints.cli import web_worker_process, web_workers
from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.web_worker_process import StartFailed
from orak.entrypoints.cli.web_workers import WebWorkers, tables_for

SERVES = """
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
channel = socket.socket(fileno=int(sys.argv[1]))
channel.send(b"+")
channel.recv(1)
"""

FAILS = "import sys; sys.exit(3)"

HANGS = "import signal; signal.pause()"

DRAINS = """
import select, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
channel = socket.socket(fileno=int(sys.argv[1]))
channel.send(b"+")
signal.sigwait([signal.SIGTERM])
open(sys.argv[2] + ".draining", "w").close()
while signal.sigtimedwait([signal.SIGTERM], 0.1) is None:
    if select.select([channel], [], [], 0)[0]:
        sys.exit("the parent has closed the channel")
sys.exit("a second SIGTERM")
"""
"""Goes on after SIGTERM until it is killed, and ends early if its parent disturbs it."""


class Programs:
    """The parent of two web workers, and what they run: *program*, from the next start on."""

    def __init__(self, tables, folder) -> None:
        self.program = SERVES
        self.broken: int | None = None
        """The number of the web worker that cannot start."""
        self.inherited = []
        """What each process was given, in the order of the starts."""
        self.announced = asyncio.Event()
        self._folder = folder
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.parent = WebWorkers(self._listeners, tables, self._command)

    @property
    def marks(self):
        """The files in which processes tell that they drain."""
        return list(self._folder.glob("*.draining"))

    def _command(self, inherited):
        self.inherited.append(inherited)
        program = FAILS if inherited.index == self.broken else self.program
        mark = self._folder / str(len(self.inherited))
        return [sys.executable, "-S", "-E", "-c", program, str(inherited.channel), str(mark)]

    def tables_of(self, index):
        return [inherited.table for inherited in self.inherited if inherited.index == index]

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.parent.run(self.announced.set))
        announced = asyncio.create_task(self.announced.wait())
        try:
            await asyncio.wait({task, announced}, return_when=asyncio.FIRST_COMPLETED)
            yield task
        finally:
            announced.cancel()
            task.cancel()
            with suppress(asyncio.CancelledError, CommandError, StartFailed):
                await task

    def close(self):
        for listener in self._listeners:
            listener.close()


@pytest.fixture
async def programs(tmp_path, monkeypatch):
    monkeypatch.setattr(web_workers, "_PAUSES", (0.0, 0.01))
    with tables_for(2) as tables:
        programs = Programs(tables.fileno(), tmp_path)
        yield programs
        programs.close()
    assert not children()


def children():
    """Return the processes of these programs, the oldest first; other fixtures have processes, too."""
    ours = [child for child in psutil.Process().children() if _is_ours(child)]
    return sorted(ours, key=lambda child: (child.create_time(), child.pid))


def _is_ours(process):
    with suppress(psutil.NoSuchProcess):  # ended meanwhile; ZombieProcess is one
        return not {SERVES, FAILS, HANGS, DRAINS}.isdisjoint(process.cmdline())
    return False


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - files and log lines set no event
            await asyncio.sleep(0.01)


async def test_all_end_if_one_cannot_start_again(programs, caplog):
    async with programs.running() as run:
        programs.broken = 0
        children()[0].kill()
        with pytest.raises(CommandError, match="web worker 0 cannot start any more"):
            await run
    assert caplog.text.count("web worker 0 does not start: exit code 3") == 2


@pytest.mark.parametrize("limit", ["_FIRST_START_SECONDS", "_START_SECONDS"])
async def test_a_start_that_hangs_is_ended(programs, monkeypatch, caplog, limit):
    monkeypatch.setattr(web_workers, limit, 0.3)
    if limit == "_FIRST_START_SECONDS":
        programs.program = HANGS
        with pytest.raises(StartFailed, match="no answer within"):
            await programs.parent.run(programs.announced.set)
        return
    async with programs.running():
        programs.program = HANGS
        children()[0].kill()
        await until(lambda: "does not start: no answer within 0.3 s" in caplog.text)


async def test_a_restart_that_hangs_is_given_up_and_the_old_processes_serve_on(programs, monkeypatch, caplog):
    async with programs.running():
        before = children()
        monkeypatch.setattr(web_workers, "_START_SECONDS", 0.3)
        programs.program = HANGS
        programs.parent.restart()
        await until(lambda: "restart given up: web worker 0 does not start" in caplog.text)
        assert children() == before


async def test_a_process_never_gets_the_metrics_table_of_one_that_lives(programs, caplog):
    caplog.set_level("INFO")
    async with programs.running():
        programs.program = FAILS
        for _ in range(2):
            caplog.clear()
            programs.parent.restart()
            await until(lambda: "restart given up" in caplog.text)
        programs.program = SERVES
        programs.parent.restart()
        await until(lambda: "restarted 2 web workers" in caplog.text)
    assert programs.tables_of(0) == [0, 1, 1, 1]
    assert programs.tables_of(1) == [2, 3]
    assert {inherited.table_bytes for inherited in programs.inherited} == {TABLE_BYTES}


async def test_at_the_end_a_process_that_was_being_replaced_keeps_its_time(programs, monkeypatch, caplog):
    programs.program = DRAINS
    async with programs.running():
        monkeypatch.setattr(web_worker_process, "_KILL_SECONDS", 1.5)
        programs.parent.restart()
        await until(lambda: programs.marks)
        drained = programs.inherited[0]
    assert drained.index == 0
    assert len(programs.marks) == 3  # the old process, its successor, and the other web worker
    assert caplog.text.count("did not end within 1.5 s: killed") == 3


async def test_a_restart_that_is_asked_for_during_the_start_follows_it(programs, caplog):
    caplog.set_level("INFO")
    programs.parent.restart()
    async with programs.running():
        await until(lambda: "restarted 2 web workers" in caplog.text)
    assert len(programs.inherited) == 4


async def test_a_cancelled_start_leaves_no_process(programs):
    programs.program = HANGS
    for turns in range(12):
        run = asyncio.create_task(programs.parent.run(programs.announced.set))
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert not children()
