from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from orak.adapters.persistence.sql.connections import Connections, Runner
from orak.adapters.persistence.sql.records import SqlRecords
from orak.adapters.persistence.sql.uploads import SqlUploads
from orak.adapters.persistence.sql.users import SqlSongs, SqlUsers


class SqlTransaction:
    """The port `Transaction`: its adapters share one SQL transaction."""

    def __init__(self, transaction: Runner) -> None:
        self.uploads = SqlUploads(transaction)
        self.records = SqlRecords(transaction)
        self.songs = SqlSongs(transaction)
        self.users = SqlUsers(transaction)


class SqlUnitOfWork:
    """The port `UnitOfWork` on SQL."""

    def __init__(self, connections: Connections, committed: Callable[[], None]) -> None:
        """Begin transactions on *connections*, and call *committed* after each commit."""
        self._connections = connections
        self._committed = committed

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlTransaction]:
        async with self._connections.transaction() as transaction:
            yield SqlTransaction(transaction)
        self._committed()
