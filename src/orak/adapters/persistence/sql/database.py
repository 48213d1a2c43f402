from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

from sqlalchemy.engine import make_url

from orak.adapters.persistence.sql.arrivals import SqlArrivals
from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.facts import SqlFacts
from orak.adapters.persistence.sql.intake import SqlIntake
from orak.adapters.persistence.sql.leases import SqlLeases
from orak.adapters.persistence.sql.recordings import SqlRecordings
from orak.adapters.persistence.sql.sqlite import SqliteConnections
from orak.adapters.persistence.sql.unit_of_work import SqlUnitOfWork
from orak.application.ports.clock import Clock


class SqlPersistence:
    """Every persistence port on one SQL database, whose schema `migrations.upgrade` has made."""

    def __init__(self, connections: Connections, clock: Clock, lease: timedelta) -> None:
        self._connections = connections
        self.transaction = SqlUnitOfWork(connections, clock)
        self.recordings = SqlRecordings(connections)
        self.intake = SqlIntake(connections, clock)
        self.leases = SqlLeases(connections, clock, lease)
        self.arrivals = SqlArrivals(connections, clock)
        self.facts = SqlFacts(connections)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, clock: Clock, lease: timedelta) -> AsyncIterator[Self]:
        """Use the database at a `sqlite:///` URL; leaving writes what waits, and disconnects."""
        persistence = cls(SqliteConnections(make_url(url)), clock, lease)
        try:
            yield persistence
        finally:
            await persistence.close()

    async def close(self) -> None:
        """Write what waits to be taken in, and disconnect."""
        await self.intake.close()
        await self._connections.close()
