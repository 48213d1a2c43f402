"""Storage of uploads, records, events and settings."""

from datetime import datetime
from typing import Protocol

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.batch_log import BatchLog
from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.cursors import Cursors
from orak.application.ports.daily_work import DailyWork
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.event_signal import EventSignal
from orak.application.ports.idempotency_keys import IdempotencyKeys
from orak.application.ports.intake import Intake
from orak.application.ports.leases import Leases
from orak.application.ports.record_intake import RecordIntake
from orak.application.ports.reports import Reports
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.tickets import Tickets
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.ports.upload_histories import UploadHistories


class Persistence(Protocol):
    """The ports that share one database.

    `SqlPersistence.open` and `MemoryPersistence.open` return one; their return type is where mypy checks each
    adapter against its port.
    """

    @property
    def transaction(self) -> UnitOfWork: ...
    @property
    def snapshots(self) -> Snapshots: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def record_intake(self) -> RecordIntake: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def arrivals(self) -> Arrivals: ...
    @property
    def event_signal(self) -> EventSignal: ...
    @property
    def event_log(self) -> EventLog: ...
    @property
    def cursors(self) -> Cursors: ...
    @property
    def histories(self) -> UploadHistories: ...
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...
    @property
    def tickets(self) -> Tickets: ...
    @property
    def endpoints(self) -> Endpoints: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def reports(self) -> Reports: ...
    @property
    def batch_settings(self) -> BatchSettings: ...
    @property
    def batch_log(self) -> BatchLog: ...
    @property
    def daily_work(self) -> DailyWork: ...

    async def check_writable(self) -> None:
        """Raise `Unavailable` unless the database takes writes now."""
        ...

    async def now(self) -> datetime:
        """Return the time of the database."""
        ...
