from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orak.adapters.persistence.sql.connections import Connections, Runner
from orak.adapters.persistence.sql.idempotency_keys import SqlIdempotencyKeys
from orak.adapters.persistence.sql.records import SqlRecords
from orak.adapters.persistence.sql.uploads import SqlUploads
from orak.adapters.persistence.sql.users import SqlSongs, SqlUsers
from orak.application.ports.clock import Clock


class SqlTransaction:
    """The port `Transaction`: its adapters share one SQL transaction."""

    def __init__(self, transaction: Runner, clock: Clock) -> None:
        self.uploads = SqlUploads(transaction)
        self.records = SqlRecords(transaction)
        self.songs = SqlSongs(transaction)
        self.users = SqlUsers(transaction)
        self.idempotency_keys = SqlIdempotencyKeys(transaction, clock)


class SqlUnitOfWork:
    """The port `UnitOfWork` on SQL."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlTransaction]:
        async with self._connections.transaction() as transaction:
            yield SqlTransaction(transaction, self._clock)
