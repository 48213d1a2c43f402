from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from sqlalchemy import false, select, update
from sqlalchemy.engine import make_url

from orak.adapters.persistence import Persistence
from orak.adapters.persistence.event_signal import CommitSignal
from orak.adapters.persistence.sql.arrivals import SqlArrivals
from orak.adapters.persistence.sql.batch_settings import SqlBatchLog, SqlBatchSettings
from orak.adapters.persistence.sql.connections import POOL_SIZE, Connections
from orak.adapters.persistence.sql.cursors import SqlCursors
from orak.adapters.persistence.sql.daily_work import SqlDailyWork
from orak.adapters.persistence.sql.dialect import utc_now
from orak.adapters.persistence.sql.event_log import SqlEventLog
from orak.adapters.persistence.sql.idempotency_keys import SqlIdempotencyKeys
from orak.adapters.persistence.sql.intake import SqlIntake
from orak.adapters.persistence.sql.leases import SqlLeases
from orak.adapters.persistence.sql.postgresql_url import Pooler
from orak.adapters.persistence.sql.record_intake import SqlRecordIntake
from orak.adapters.persistence.sql.reports import SqlReports
from orak.adapters.persistence.sql.schema import schema_prepared
from orak.adapters.persistence.sql.snapshots import SqlSnapshots
from orak.adapters.persistence.sql.sqlite import SqliteConnections
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import feed
from orak.adapters.persistence.sql.tickets import SqlTickets
from orak.adapters.persistence.sql.unit_of_work import SqlUnitOfWork
from orak.adapters.persistence.sql.upload_histories import SqlUploadHistories
from orak.adapters.persistence.sql.webhooks import SqlDeliveries, SqlEndpoints
from orak.application.ports.clock import Clock
from orak.application.ports.traces import Traces

if TYPE_CHECKING:
    from orak.adapters.persistence.sql.postgresql_signal import PostgresqlSignal


class SqlPersistence:
    """`Persistence` on one SQL database, whose schema `migrations.upgrade` has made."""

    def __init__(
        self,
        connections: Connections,
        event_signal: "CommitSignal | PostgresqlSignal",
        clock: Clock,
        lease: timedelta,
        traces: Traces | None = None,
    ) -> None:
        self._connections = connections
        self.event_signal = event_signal
        self.transaction = SqlUnitOfWork(connections, event_signal.give)
        self.snapshots = SqlSnapshots(connections, traces)
        self.intake = SqlIntake(connections, event_signal.give, clock, traces)
        self.record_intake = SqlRecordIntake(connections, event_signal.give, clock, traces)
        self.leases = SqlLeases(connections, event_signal.give, clock, lease)
        self.arrivals = SqlArrivals(connections, clock)
        self.event_log = SqlEventLog(connections)
        self.cursors = SqlCursors(connections)
        self.histories = SqlUploadHistories(connections)
        self.idempotency_keys = SqlIdempotencyKeys(connections)
        self.tickets = SqlTickets(connections)
        self.endpoints = SqlEndpoints(connections)
        self.deliveries = SqlDeliveries(connections)
        self.reports = SqlReports(connections)
        self.batch_settings = SqlBatchSettings(connections)
        self.batch_log = SqlBatchLog(connections)
        self.daily_work = SqlDailyWork(connections)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        clock: Clock,
        lease: timedelta,
        pooler: Pooler = "auto",
        pool_size: int = POOL_SIZE,
        admit: Callable[[], None] = lambda: None,
        traces: Traces | None = None,
    ) -> AsyncIterator[Persistence]:
        """Open the database at a `sqlite:///` or `postgresql://` URL.

        At exit, uploads and records that wait are stored. On PostgreSQL, *pooler* is the mode of a pooler in
        front of it, and *pool_size* the number of connections. *admit* then runs before each new connection
        and may raise `Unavailable`. *traces* records a span for each call that is answered in a group.
        """
        persistence = cls(*_opened(url, pooler, pool_size, admit), clock, lease, traces)
        try:
            yield persistence
        finally:
            await persistence.close()

    @classmethod
    @asynccontextmanager
    async def prepared(
        cls,
        url: str,
        clock: Clock,
        lease: timedelta,
        *,
        upgrade: bool,
        patient: bool,
        pooler: Pooler,
        pool_size: int,
        traces: Traces | None = None,
    ) -> AsyncIterator[Persistence]:
        """Prepare the schema as `schema_prepared` does, then open the database.

        Raises:
            UnusableSchema: the schema is outdated and *upgrade* is false, or another program made it.
            Unavailable: the database does not answer, and *patient* is false.
        """
        async with (
            schema_prepared(url, upgrade=upgrade, patient=patient) as admit,
            cls.open(
                url,
                clock=clock,
                lease=lease,
                pooler=pooler,
                pool_size=pool_size,
                admit=admit,
                traces=traces,
            ) as persistence,
        ):
            yield persistence

    async def check_writable(self) -> None:
        await self._connections.fetch(_WRITE_NOTHING, {})

    async def now(self) -> datetime:
        ((now,),) = await self._connections.fetch(_NOW, {})
        return cast("datetime", now)

    async def close(self) -> None:
        """Store the uploads and records that wait, and disconnect."""
        await self.intake.close()
        await self.record_intake.close()
        await self.snapshots.close()
        await self.event_signal.close()
        await self._connections.close()


_NOW = Statement(select(utc_now()))

# Databases that are read-only refuse an UPDATE even if it changes no row.
_WRITE_NOTHING = Statement(update(feed).where(false()).values(position=feed.c.position))


def _opened(
    url: str, pooler: Pooler, pool_size: int, admit: Callable[[], None]
) -> tuple[Connections, "CommitSignal | PostgresqlSignal"]:
    if url.startswith("sqlite:"):
        return SqliteConnections(make_url(url)), CommitSignal(hears_every_process=False)
    # The driver is installed by `orak[postgresql]`, and takes time to import.
    from orak.adapters.persistence.sql.postgresql import PostgresqlConnections  # noqa: PLC0415 - see above
    from orak.adapters.persistence.sql.postgresql_signal import PostgresqlSignal  # noqa: PLC0415 - see above

    connections = PostgresqlConnections(url, size=pool_size, pooler=pooler, admit=admit)
    return connections, PostgresqlSignal(connections.sessions)
