from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import State, Store
from orak.application.ports.failures import StaleVersion
from orak.application.ports.songs import Song
from orak.domain.errors import RecordNotFound, SongNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.record import Record
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class MemoryUploads:
    """The port `Uploads` within one transaction."""

    state: State

    async def get(self, upload_id: UploadId) -> Upload:
        return self.state.upload(upload_id)

    async def by_key(self, key: ObjectKey) -> Upload:
        return self.state.upload_by_key(key)

    async def save(self, upload: Upload, event: DomainEvent) -> Upload:
        return self.state.save_upload(upload, event)

    async def purge(self, upload_id: UploadId) -> None:
        self.state.remove_upload(upload_id)


@dataclass(frozen=True, slots=True)
class MemoryRecords:
    """The port `Records` within one transaction."""

    state: State

    async def get(self, record_id: RecordId) -> Record:
        try:
            return self.state.records[record_id]
        except KeyError:
            raise RecordNotFound(record_id) from None

    async def save(self, record: Record) -> Record:
        before = self.state.records.get(record.id)
        if before is None or before.version != record.version:
            raise StaleVersion(f"another writer changed record {record.id} after version {record.version}")
        self.state.check_references(record)
        saved = replace(record, version=record.version + 1)
        self.state.records[record.id] = saved
        return saved

    async def remove(self, record_id: RecordId) -> None:
        record = await self.get(record_id)
        del self.state.records[record_id], self.state.record_of[record.upload_id]


@dataclass(frozen=True, slots=True)
class MemorySongs:
    """The port `Songs` within one transaction."""

    state: State

    async def check(self, song_id: SongId) -> None:
        if song_id not in self.state.songs:
            raise SongNotFound(song_id)

    async def put(self, songs: Sequence[Song]) -> None:
        self.state.songs |= {song.id: song for song in songs}

    async def page(self, *, after: SongId | None, limit: int) -> Sequence[Song]:
        ids = sorted(song_id for song_id in self.state.songs if song_id > (after or 0))
        return [self.state.songs[song_id] for song_id in ids[:limit]]


@dataclass(frozen=True, slots=True)
class MemoryUsers:
    """The port `Users` within one transaction."""

    state: State

    async def ensure(self, user_id: UserId) -> None:
        self.state.users.add(user_id)


class MemoryTransaction:
    """The port `Transaction`: its adapters share one draft of the state."""

    def __init__(self, state: State) -> None:
        self._state: State | None = state

    @property
    def uploads(self) -> MemoryUploads:
        return MemoryUploads(self._draft())

    @property
    def records(self) -> MemoryRecords:
        return MemoryRecords(self._draft())

    @property
    def songs(self) -> MemorySongs:
        return MemorySongs(self._draft())

    @property
    def users(self) -> MemoryUsers:
        return MemoryUsers(self._draft())

    def end(self) -> None:
        """Refuse further work, which would change the committed state."""
        self._state = None

    def _draft(self) -> State:
        if self._state is None:
            raise RuntimeError("the transaction is over")
        return self._state


@dataclass(frozen=True, slots=True)
class MemoryUnitOfWork:
    """The port `UnitOfWork` in memory; its transactions run one at a time."""

    store: Store

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[MemoryTransaction]:
        async with self.store.writing() as state:
            transaction = MemoryTransaction(state)
            try:
                yield transaction
            finally:
                transaction.end()
