from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from orak.adapters.persistence import Persistence
from orak.adapters.persistence.memory.arrivals import MemoryArrivals
from orak.adapters.persistence.memory.batch_settings import MemoryBatchLog, MemoryBatchSettings
from orak.adapters.persistence.memory.cursors import MemoryCursors
from orak.adapters.persistence.memory.daily_work import MemoryDailyWork
from orak.adapters.persistence.memory.event_log import MemoryEventLog
from orak.adapters.persistence.memory.idempotency_keys import MemoryIdempotencyKeys
from orak.adapters.persistence.memory.intake import MemoryIntake
from orak.adapters.persistence.memory.leases import MemoryLeases
from orak.adapters.persistence.memory.record_intake import MemoryRecordIntake
from orak.adapters.persistence.memory.reports import MemoryReports
from orak.adapters.persistence.memory.snapshots import MemorySnapshots
from orak.adapters.persistence.memory.store import Store
from orak.adapters.persistence.memory.tickets import MemoryTickets
from orak.adapters.persistence.memory.unit_of_work import MemoryUnitOfWork
from orak.adapters.persistence.memory.upload_histories import MemoryUploadHistories
from orak.adapters.persistence.memory.webhooks import MemoryDeliveries, MemoryEndpoints
from orak.application.ports.clock import Clock


class MemoryPersistence:
    """`Persistence` in the memory of one process, for embedding and tests.

    It enforces the same uniqueness, references, order and versions as the SQL adapters. Its limits: no other
    process sees its data, and everything is lost at exit. A transaction copies the tables and a claim walks
    them, which suits thousands of uploads, not millions. Transactions run one at a time, and one that stays
    open blocks all other writers.
    """

    def __init__(self, clock: Clock, lease: timedelta) -> None:
        store = Store()
        self._clock = clock
        self.transaction = MemoryUnitOfWork(store)
        self.snapshots = MemorySnapshots(store)
        self.intake = MemoryIntake(store, clock)
        self.record_intake = MemoryRecordIntake(store, clock)
        self.leases = MemoryLeases(store, clock, lease)
        self.arrivals = MemoryArrivals(store, clock)
        self.event_signal = store.event_signal
        self.event_log = MemoryEventLog(store.log)
        self.cursors = MemoryCursors(store.log)
        self.histories = MemoryUploadHistories(store)
        self.idempotency_keys = MemoryIdempotencyKeys(store)
        self.tickets = MemoryTickets()
        self.deliveries = MemoryDeliveries()
        self.endpoints = MemoryEndpoints(store.log, self.deliveries)
        self.reports = MemoryReports(store)
        self.batch_settings = MemoryBatchSettings()
        self.batch_log = MemoryBatchLog()
        self.daily_work = MemoryDailyWork()

    @classmethod
    @asynccontextmanager
    async def open(cls, *, clock: Clock, lease: timedelta) -> AsyncIterator[Persistence]:
        """Open an empty database."""
        yield cls(clock, lease)

    async def check_writable(self) -> None:
        return  # this process's memory always is

    async def now(self) -> datetime:
        return self._clock.now()
