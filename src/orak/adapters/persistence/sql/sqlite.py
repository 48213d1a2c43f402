import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool

from orak.adapters.persistence.sql.connections import PATIENCE, Violation, translate_errors
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_READERS = 2

_PRIMARY_CODE = 0xFF
"""The bits of an error code that name the error; the others tell its kind. https://sqlite.org/rescode.html"""

_BUSY_PAUSES = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.025, 0.025, 0.05, 0.05)
"""Seconds between attempts to begin while another process writes, as in SQLite's own busy handler."""

_LONGEST_BUSY_PAUSE = 0.1

_BEGIN = "BEGIN IMMEDIATE"
"""Takes the write lock before the transaction reads.

A DEFERRED transaction that reads and then writes fails if another process wrote in between
(SQLITE_BUSY_SNAPSHOT).
"""

_STEPS = 100_000
"""Steps of SQLite's virtual machine between two looks at a read on the event loop, about 2 ms."""

_MOST_LOOKS = 5
"""Looks after which a read leaves the event loop, after about 10 ms; a thread reads longer."""

_READ_GROUP = 4
"""Most calls that a turn of the event loop reads for. Fewer favour writes, more save turns."""

_SLOW_SECONDS = 0.5
"""A commit that takes longer is a sign that the disk does not answer; reads then leave the event loop."""


class SqliteConnections:
    """One connection that writes, and several that read.

    SQLite has one writer at a time. Writers of this process wait for a lock here, which is fair and costs
    nothing. For writers of other processes this one polls, as SQLite itself would, but without blocking a
    thread. Readers never wait (WAL).

    sqlite3 gives up Python's interpreter lock in every step of a statement. A thread that steps through many
    rows waits for that lock after each of them, behind the busy thread of the event loop. Transactions
    and short reads therefore run on the event loop: until a transaction commits, it only changes memory.
    Threads do what may take long: commits, which wait for the disk, reads of many rows, and writes of many
    rows.
    """

    def __init__(self, url: URL, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._writing = _engine(url, patience, pool_size=1)
        self._reading = _engine(url, patience, isolation_level="AUTOCOMMIT", pool_size=1 + _READERS)
        self.read_group: Final = _READ_GROUP
        self.dialect: Final = self._writing.dialect
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._write_lock = asyncio.Lock()
        self._write_connection: Connection | None = None
        self._read_connection: Connection | None = None
        self._opening = asyncio.Lock()
        self._read_turns = _Turns()
        self._looks = 0
        self._end_began: float | None = None

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        compiled = statement.compiled(self.dialect)
        try:
            arguments = tuple(compiled.arguments(parameters))
        except (OverflowError, ValueError) as error:
            raise Violation(None) from error

        def run(connection: Connection) -> Sequence[Row]:
            result = connection.exec_driver_sql(compiled.text, arguments)
            return compiled.rows(result.fetchall() if result.returns_rows else ())

        if statement.writes:
            return await self.write(run)
        await self._read_turns.wait()
        connection = self._read_connection or await self._open_reader()
        if not self._disk_is_slow():
            # After any error the statement runs again in a thread, where it may take long, and where
            # SQLAlchemy translates an error that remains.
            self._looks = 0
            with suppress(sqlite3.Error, OverflowError, ValueError):
                return compiled.rows(_driver(connection).execute(compiled.text, arguments).fetchall())
        return await self.read(run)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._reading.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        async with self.transaction() as transaction:
            return await transaction.run_sync(work)

    async def write_long(self, work: Callable[[Connection], T]) -> T:
        connection = await self._begin()
        return await self._end(lambda: _committed(connection, work))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["_Transaction"]:
        connection = await self._begin()
        transaction = _Transaction(connection)
        try:
            yield transaction
        except BaseException:
            transaction.over = True
            try:
                _roll_back(connection)
            finally:
                self._write_lock.release()
            raise
        transaction.over = True
        await self._end(lambda: _committed(connection, lambda _: None))

    async def close(self) -> None:
        async with self._write_lock:  # a commit whose caller was cancelled may still run
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for connection in (self._write_connection, self._read_connection):
            if connection is not None:
                connection.close()
        for threads, engine in ((self._readers, self._reading), (self._writer, self._writing)):
            threads.shutdown()
            engine.dispose()

    async def _begin(self) -> Connection:
        """Begin a transaction with both write locks: this process's and SQLite's.

        The end of the transaction releases them.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        try:
            async with asyncio.timeout_at(deadline):
                await self._write_lock.acquire()
        except TimeoutError as error:
            raise Unavailable("the database is busy") from error
        try:
            if self._write_connection is None or self._write_connection.invalidated:
                self._write_connection = await loop.run_in_executor(self._writer, _opened, self._writing)
            for pause in chain(_BUSY_PAUSES, repeat(_LONGEST_BUSY_PAUSE)):
                if _begun(self._write_connection, or_raise=loop.time() >= deadline):
                    break
                await asyncio.sleep(pause)
        except BaseException:
            self._write_lock.release()
            raise
        return self._write_connection

    async def _open_reader(self) -> Connection:
        async with self._opening:
            if self._read_connection is None:
                loop = asyncio.get_running_loop()
                self._read_connection = await loop.run_in_executor(self._readers, _opened, self._reading)
                _driver(self._read_connection).set_progress_handler(self._look, _STEPS)
        return self._read_connection

    def _look(self) -> bool:
        """Interrupt a long read on the event loop.

        The looks are counted here, because SQLite counts the steps of a cached statement in all its runs.
        """
        self._looks += 1
        return self._looks > _MOST_LOOKS

    def _disk_is_slow(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._end_began is not None and now - self._end_began > _SLOW_SECONDS

    async def _end(self, ending: Callable[[], T]) -> T:
        """Run *ending* in the writer's thread, and then let the next writer begin.

        It runs to the end even if the caller is cancelled.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                settle = partial(_settle, ended, ending())
            except BaseException as error:  # noqa: BLE001 - the caller gets every error
                settle = partial(_fail, ended, error)
            loop.call_soon_threadsafe(self._ended, settle)

        self._end_began = loop.time()
        self._writer.submit(run)
        return await ended

    def _ended(self, settle: Callable[[], None]) -> None:
        self._end_began = None
        self._write_lock.release()
        settle()


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():  # the caller was cancelled
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class _Turns:
    """Lets one caller proceed in each turn of the event loop, first come, first served.

    A read takes one turn and a write takes several. Without a limit, many reads make every turn long, and so
    writes slow.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._pass_on)
            return
        waiter = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def _pass_on(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():  # its caller was cancelled
                waiter.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)
                return
        self._taken = False


def _opened(engine: Engine) -> Connection:
    """Open a connection for use on the event loop, which it must not block while another process writes."""
    connection = engine.connect()
    _driver(connection).execute("PRAGMA busy_timeout = 0")
    return connection


class _Transaction:
    """An open transaction; its steps run on the event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.over = False

    async def run_sync(self, work: Callable[[Connection], T], /) -> T:
        if self.over:
            raise RuntimeError("the transaction is over")
        return work(self._connection)


def _begun(connection: Connection, *, or_raise: bool) -> bool:
    """Begin a transaction; return False if another process is writing, unless *or_raise*."""
    try:
        _driver(connection).execute(_BEGIN)
    except sqlite3.OperationalError as error:
        if or_raise or error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
            raise Unavailable(f"the database: {error}") from error
        return False
    connection.begin()
    return True


def _committed(connection: Connection, work: Callable[[Connection], T]) -> T:
    try:
        result = work(connection)
        connection.commit()
    except BaseException:
        _roll_back(connection)
        raise
    return result


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
        _driver(connection).rollback()  # after a failed commit, SQLAlchemy regards the transaction as over
    except BaseException:
        connection.invalidate()  # the next transaction opens another connection
        raise


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def writing_engine(url: URL, patience: float = PATIENCE) -> Engine:
    """Return an engine whose transactions take SQLite's write lock when they begin."""
    engine = _engine(url, patience, pool_size=1)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine(url: URL) -> Engine:
    """Return an engine that changes nothing: a file of another program even keeps its journal mode.

    A missing file counts as an empty database.
    """
    file = Path(url.database or "")
    if not file.exists():
        return create_engine("sqlite://")

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    translate_errors(engine)
    return engine


def _engine(url: URL, patience: float, **options: Any) -> Engine:  # noqa: ANN401 - passed on to SQLAlchemy
    engine = create_engine(
        url,
        # Without isolation_level=None, Python's sqlite3 module begins DEFERRED transactions by itself.
        connect_args={"timeout": patience, "isolation_level": None, "check_same_thread": False},
        hide_parameters=True,
        max_overflow=0,
        **options,
    )
    event.listen(engine, "connect", _set_pragmas)
    translate_errors(engine)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    _use_wal(connection)
    # With NORMAL, a commit survives a killed process but not a power cut, and a 2xx promises both.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    # The file keeps this mode, so only the first connection changes it. When several connections are first,
    # SQLite refuses at once (SQLITE_BUSY) and does not wait for `timeout`, so the retries are here.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql(_BEGIN)
