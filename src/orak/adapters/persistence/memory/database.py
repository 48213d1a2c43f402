from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

from orak.adapters.persistence.memory.arrivals import MemoryArrivals
from orak.adapters.persistence.memory.batch_settings import MemoryBatchSettings
from orak.adapters.persistence.memory.cursors import MemoryCursors
from orak.adapters.persistence.memory.event_log import MemoryEventLog
from orak.adapters.persistence.memory.intake import MemoryIntake
from orak.adapters.persistence.memory.leases import MemoryLeases
from orak.adapters.persistence.memory.reports import MemoryReports
from orak.adapters.persistence.memory.snapshots import MemorySnapshots
from orak.adapters.persistence.memory.store import Store
from orak.adapters.persistence.memory.tickets import MemoryTickets
from orak.adapters.persistence.memory.unit_of_work import MemoryUnitOfWork
from orak.adapters.persistence.memory.upload_histories import MemoryUploadHistories
from orak.adapters.persistence.memory.webhooks import MemoryDeliveries, MemoryEndpoints
from orak.application.ports.clock import Clock


class MemoryPersistence:
    """Every persistence port on memory: the same rules as a database's, gone with the process.

    A transaction copies the tables and a claim walks them, so it suits thousands of uploads, not millions.
    """

    def __init__(self, clock: Clock, lease: timedelta) -> None:
        store = Store()
        self.transaction = MemoryUnitOfWork(store, clock)
        self.snapshots = MemorySnapshots(store)
        self.intake = MemoryIntake(store, clock)
        self.leases = MemoryLeases(store, clock, lease)
        self.arrivals = MemoryArrivals(store, clock)
        self.event_log = MemoryEventLog(store.log)
        self.cursors = MemoryCursors(store.log)
        self.histories = MemoryUploadHistories(store)
        self.tickets = MemoryTickets()
        self.deliveries = MemoryDeliveries()
        self.endpoints = MemoryEndpoints(store.log, self.deliveries)
        self.reports = MemoryReports(store)
        self.batch_settings = MemoryBatchSettings()

    @classmethod
    @asynccontextmanager
    async def open(cls, *, clock: Clock, lease: timedelta) -> AsyncIterator[Self]:
        """Begin empty, like `SqlPersistence.open` on a new database."""
        yield cls(clock, lease)
