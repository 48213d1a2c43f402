from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import State, Store, StoredKey
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.songs import Song
from orak.domain.errors import IdempotencyMismatch, RecordExists, RecordNotFound, SongNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.record import Record
from orak.domain.upload import Upload

_ONCE_LIFE = timedelta(hours=24)


class MemoryUploads:
    """Uploads within one transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, upload_id: UploadId) -> Upload:
        """Return the upload. Raise `UploadNotFound`."""
        return self._state.upload(upload_id)

    async def by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose bytes lie under *key*. Raise `UploadNotFound`."""
        return self._state.upload_by_key(key)

    async def save(self, upload: Upload, event: DomainEvent) -> Upload:
        """Store it with its event. Raise `StaleVersion` if another writer was first."""
        return self._state.save_upload(upload, event)

    async def purge(self, upload_id: UploadId) -> None:
        """Remove the row; its events stay."""
        self._state.remove_upload(upload_id)


class MemoryRecords:
    """Records within one transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, record_id: RecordId) -> Record:
        """Return the record. Raise `RecordNotFound`."""
        try:
            return self._state.records[record_id]
        except KeyError:
            raise RecordNotFound(record_id) from None

    async def add(self, record: Record) -> Record:
        """Store a new one. Raise `RecordExists` if its upload has one."""
        if record.upload_id in self._state.record_of:
            raise RecordExists(record.upload_id)
        self._check_references(record)
        self._state.last_record += 1
        record = replace(record, id=RecordId(self._state.last_record))
        self._state.records[record.id] = record
        self._state.record_of[record.upload_id] = record.id
        return record

    async def save(self, record: Record) -> Record:
        """Store a changed one. Raise `StaleVersion` if another writer was first."""
        before = self._state.records.get(record.id)
        if before is None or before.version != record.version:
            raise StaleVersion
        self._check_references(record)
        saved = replace(record, version=record.version + 1)
        self._state.records[record.id] = saved
        return saved

    async def remove(self, record_id: RecordId) -> None:
        """Remove it. Raise `RecordNotFound` if it is gone."""
        record = await self.get(record_id)
        del self._state.records[record_id], self._state.record_of[record.upload_id]

    def _check_references(self, record: Record) -> None:
        state = self._state
        song_is_there = record.song_id is None or record.song_id in state.songs
        if record.owner_id not in state.users or record.upload_id not in state.uploads or not song_is_there:
            raise StaleVersion  # whoever checks again learns which of them is gone


class MemorySongs:
    """The catalogue within one transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def check(self, song_id: SongId) -> None:
        """Raise `SongNotFound` if there is no such song."""
        if song_id not in self._state.songs:
            raise SongNotFound(song_id)

    async def put(self, songs: Sequence[Song]) -> None:
        """Store each, in place of one with the same id."""
        self._state.songs |= {song.id: song for song in songs}


class MemoryUsers:
    """Who has ever come."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def ensure(self, user_id: UserId) -> None:
        """Make the user's row if there is none."""
        self._state.users.add(user_id)


class MemoryIdempotencyKeys:
    """Which calls were made before, within one transaction."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def find(self, idempotency_key: IdempotencyKey) -> int | None:
        """Return what the first call made, or None. Raise `IdempotencyMismatch`."""
        self._forget()
        kept = self._state.idempotency_keys.get(
            (idempotency_key.user_id, idempotency_key.route, idempotency_key.key)
        )
        if kept is not None and kept.fingerprint != idempotency_key.fingerprint:
            raise IdempotencyMismatch
        return None if kept is None else kept.made

    async def keep(self, idempotency_key: IdempotencyKey, made: int) -> None:
        """Remember what this call makes. Raise `StaleVersion` if another call with the key was faster."""
        self._forget()
        key = (idempotency_key.user_id, idempotency_key.route, idempotency_key.key)
        if key in self._state.idempotency_keys:
            raise StaleVersion
        self._state.idempotency_keys[key] = StoredKey(idempotency_key.fingerprint, made, self._clock.now())

    def _forget(self) -> None:
        oldest = self._clock.now() - _ONCE_LIFE
        idempotency_keys = self._state.idempotency_keys
        # They are in the order of their times, so the old ones come first.
        for key in [*idempotency_keys]:
            if idempotency_keys[key].created_at > oldest:
                break
            del idempotency_keys[key]


class MemoryTransaction:
    """One transaction's view of everything."""

    def __init__(self, state: State, clock: Clock) -> None:
        self.uploads = MemoryUploads(state)
        self.records = MemoryRecords(state)
        self.songs = MemorySongs(state)
        self.users = MemoryUsers(state)
        self.idempotency_keys = MemoryIdempotencyKeys(state, clock)


class MemoryUnitOfWork:
    """Begins transactions, one at a time."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[MemoryTransaction]:
        """Begin; a clean exit commits, an exception leaves no trace."""
        async with self._store.writing() as state:
            yield MemoryTransaction(state, self._clock)
