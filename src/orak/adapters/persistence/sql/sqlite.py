import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool

from orak.adapters.persistence.sql.connections import PATIENCE, Violation, translate_errors
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_READERS = 4


class SqliteConnections:
    """One connection that writes and several that read, each in a thread of its own.

    SQLite has one writer at a time. Writers of this process wait for a lock here, which is fair and costs
    nothing; SQLite itself polls, so only writers of other processes wait there. Readers never wait (WAL).

    The writing thread runs its tasks in order and to the end. So a cancelled caller is safe: its roll-back is
    queued before the lock is released, and no later task can overtake it.
    """

    def __init__(self, url: URL, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._writing = writing_engine(url, patience)
        self._reading = _engine(url, patience, isolation_level="AUTOCOMMIT", pool_size=_READERS)
        self.dialect: Final = self._writing.dialect
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._write_lock = asyncio.Lock()

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        compiled = statement.compiled(self.dialect)

        def work(connection: Connection) -> Sequence[Row]:
            try:
                arguments = tuple(compiled.arguments(parameters))
            except (OverflowError, ValueError) as error:
                raise Violation(None) from error
            result = connection.exec_driver_sql(compiled.text, arguments)
            return compiled.rows(result.fetchall() if result.returns_rows else ())

        return await (self.write if statement.writes else self.read)(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._reading.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._writing.begin() as connection:
                return work(connection)

        async with self._locked():  # a caller that is cancelled while it waits has written nothing
            return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    write_at_once = write

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["_Transaction"]:
        transaction = _Transaction(self._writing, self._writer)
        async with self._locked():
            try:
                await transaction.begin()
                yield transaction
                await transaction.commit()
            except BaseException:
                await transaction.roll_back()
                raise

    async def close(self) -> None:
        for threads, engine in ((self._readers, self._reading), (self._writer, self._writing)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await self._write_lock.acquire()
        except TimeoutError as error:
            raise Unavailable("the database is busy") from error
        try:
            yield
        finally:
            self._write_lock.release()


class _Transaction:
    """An open transaction; each step runs in the writing thread."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread
        self._connection: Connection | None = None

    async def run_sync(self, work: Callable[[Connection], T], /) -> T:
        def run() -> T:
            if self._connection is None:
                raise RuntimeError("the transaction is over")
            return work(self._connection)

        return await self._do(run)

    async def begin(self) -> None:
        def begin() -> None:
            connection = self._engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
            self._connection = connection

        await self._do(begin)

    async def commit(self) -> None:
        await self._do(lambda: self._end(commit=True))

    async def roll_back(self) -> None:
        """Roll back what is not committed; safe after any other step."""
        await self._do(lambda: self._end(commit=False))

    def _end(self, *, commit: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with connection:  # leaving the block closes the connection, and closing rolls back
                if commit:
                    connection.commit()

    async def _do(self, step: Callable[[], T]) -> T:
        # Without the shield, cancelling the caller would also cancel a step that the thread has not begun,
        # such as a roll-back.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, step))


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
    # A DEFERRED transaction that reads and then writes fails if another process wrote in between
    # (SQLITE_BUSY_SNAPSHOT). An IMMEDIATE one waits for the write lock before it reads.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
