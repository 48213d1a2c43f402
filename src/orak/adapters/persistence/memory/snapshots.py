from dataclasses import dataclass

from orak.adapters.persistence.memory.store import State, Store
from orak.application.ports.page import Page
from orak.domain.errors import RecordNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId, UserId
from orak.domain.record import Record, RecordSnapshot, ShownRecord
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class MemorySnapshots:
    """The port `Snapshots` in memory."""

    store: Store

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        state = self.store.committed
        if record_id not in state.records:
            raise RecordNotFound(record_id)
        return _joined(state, state.records[record_id])

    async def upload(self, upload_id: UploadId) -> Upload:
        return self.store.committed.upload(upload_id)

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        return self.store.committed.upload_by_key(key)

    async def count(self, owner_id: UserId) -> int:
        return sum(record.owner_id == owner_id for record in self.store.committed.records.values())

    async def of(self, owner_id: UserId, page: Page) -> list[ShownRecord]:
        state = self.store.committed
        newest = sorted(
            (record for record in state.records.values() if record.owner_id == owner_id),
            key=lambda record: (record.created_at, record.id),
            reverse=True,
        )
        if page.after is not None:
            newest = _behind(newest, page.after)
        return [_joined(state, record).shown() for record in newest[: page.limit]]


def _joined(state: State, record: Record) -> RecordSnapshot:
    return RecordSnapshot(record, state.upload(record.upload_id))


def _behind(newest: list[Record], after: int) -> list[Record]:
    # If the record that ended the page before was deleted, the newest record with a lower id stands in for
    # its creation time.
    times = [record.created_at for record in newest if record.id == after] or [
        record.created_at for record in newest if record.id < after
    ]
    if not times:
        return []
    mark = (max(times), after)
    return [record for record in newest if (record.created_at, record.id) < mark]
