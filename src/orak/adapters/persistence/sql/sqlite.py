import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine

from orak.adapters.persistence.sql.connections import PATIENCE, translate_errors
from orak.application.ports.failures import Unavailable

T = TypeVar("T")
P = ParamSpec("P")

_READERS = 4


class SqliteConnections:
    """One connection that writes, and some that read, each in a thread.

    SQLite has one writer at a time. Who wants to write stands in line here, where waiting is fair and free,
    instead of in SQLite, which polls; only other processes are met there. Readers never wait (WAL).

    What the writing thread is given it does in order and to the end. So a cancelled caller needs no care:
    its roll-back is given to the thread before its place in line is free, and nothing overtakes it there.
    """

    def __init__(self, url: URL, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._writing = writing_engine(url, patience)
        self._reading = _engine(url, patience, isolation_level="AUTOCOMMIT", pool_size=_READERS)
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._place = asyncio.Lock()

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* on what is committed, each statement by itself."""

        def run() -> T:
            with self._reading.connect() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* in a transaction of its own; cancelled before its turn has come, it is not run."""

        def run() -> T:
            with self._writing.begin() as connection:
                return work(connection, *args, **kwargs)

        async with self._in_line():
            return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    write_at_once = write

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["_Transaction"]:
        """Begin a transaction; a clean exit commits, anything else leaves no trace."""
        transaction = _Transaction(self._writing, self._writer)
        async with self._in_line():
            try:
                await transaction.begin()
                yield transaction
                await transaction.commit()
            except BaseException:
                await transaction.roll_back()
                raise

    async def close(self) -> None:
        """Close them all, once what runs has ended."""
        for threads, engine in ((self._readers, self._reading), (self._writer, self._writing)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()

    @asynccontextmanager
    async def _in_line(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await self._place.acquire()
        except TimeoutError as error:
            raise Unavailable("the database is busy") from error
        try:
            yield
        finally:
            self._place.release()


class _Transaction:
    """The writer's transaction, step by step."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread
        self._connection: Connection | None = None

    async def run_sync(
        self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* within the transaction."""

        def run() -> T:
            if self._connection is None:
                raise RuntimeError("the transaction is over")
            return work(self._connection, *args, **kwargs)

        return await self._do(run)

    async def begin(self) -> None:
        """Open a connection and begin."""

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
        """Commit, and close the connection."""
        await self._do(self._end, True)  # noqa: FBT003

    async def roll_back(self) -> None:
        """Undo what was not committed, if anything; may follow any other step."""
        await self._do(self._end, False)  # noqa: FBT003

    def _end(self, commit: bool) -> None:  # noqa: FBT001
        connection, self._connection = self._connection, None
        if connection is not None:
            with connection:  # leaving closes it, and closing rolls back
                if commit:
                    connection.commit()

    async def _do(self, step: Callable[..., T], *args: object) -> T:
        # Without the shield, cancelling the caller would also take a step that has not begun yet from the
        # thread's list: a roll-back, for one.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, step, *args))


def writing_engine(url: URL, patience: float = PATIENCE) -> Engine:
    """Return an engine whose transactions are the only ones that write, from their beginning."""
    engine = _engine(url, patience, pool_size=1)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _engine(url: URL, patience: float, **options: Any) -> Engine:  # noqa: ANN401
    engine = create_engine(
        url,
        # Without isolation_level=None Python's sqlite3 begins transactions of its own accord, DEFERRED.
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
    # NORMAL would survive a killed process, but not a power cut: a 2xx is a promise in that case too.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    # The file remembers it, so all but the first connection find it done. Where several are first, SQLite
    # refuses at once instead of waiting as it does for a lock on rows.
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
    # A transaction that reads first and writes later would be refused, not made to wait, if another
    # process wrote in between (SQLITE_BUSY_SNAPSHOT). This one waits before it reads.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
