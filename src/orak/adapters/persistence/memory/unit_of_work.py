from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import State, Store, StoredOnce
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion
from orak.application.ports.persistence import Once, Song
from orak.domain.errors import OnceMismatch, RecordExists, RecordNotFound, SongNotFound
from orak.domain.events import Fact
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

    async def save(self, upload: Upload, fact: Fact) -> Upload:
        """Store it with its fact. Raise `StaleVersion` if another writer was first."""
        return self._state.save_upload(upload, fact)

    async def purge(self, upload_id: UploadId) -> None:
        """Remove the row; its facts stay."""
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


class MemoryOnces:
    """Which calls were made before, within one transaction."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def find(self, once: Once) -> int | None:
        """Return what the first call made, or None. Raise `OnceMismatch`."""
        self._forget()
        kept = self._state.onces.get((once.user_id, once.route, once.key))
        if kept is not None and kept.fingerprint != once.fingerprint:
            raise OnceMismatch
        return None if kept is None else kept.made

    async def keep(self, once: Once, made: int) -> None:
        """Remember what this call makes. Raise `StaleVersion` if another call with the key was faster."""
        self._forget()
        key = (once.user_id, once.route, once.key)
        if key in self._state.onces:
            raise StaleVersion
        self._state.onces[key] = StoredOnce(once.fingerprint, made, self._clock.now())

    def _forget(self) -> None:
        oldest = self._clock.now() - _ONCE_LIFE
        onces = self._state.onces
        # They are in the order of their times, so the old ones come first.
        for key in [*onces]:
            if onces[key].created_at > oldest:
                break
            del onces[key]


class MemoryTransaction:
    """One transaction's view of everything."""

    def __init__(self, state: State, clock: Clock) -> None:
        self.uploads = MemoryUploads(state)
        self.records = MemoryRecords(state)
        self.songs = MemorySongs(state)
        self.users = MemoryUsers(state)
        self.onces = MemoryOnces(state, clock)


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
