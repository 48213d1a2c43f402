import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import msgspec
from msgspec.structs import replace

from orak.adapters.persistence.event_signal import CommitSignal
from orak.application.ports.cursors import SetAside
from orak.application.ports.failures import StaleVersion
from orak.application.ports.songs import Song
from orak.domain.errors import UploadNotFound
from orak.domain.events import DomainEvent, LoggedEvent
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.processing import ProcessingStatus
from orak.domain.record import Record
from orak.domain.upload import UNSAVED, Upload

KeyTuple = tuple[UserId, str, str]
"""User, route and key of a call."""


class StoredUpload(msgspec.Struct, frozen=True):
    """An upload's row: the upload, and a column that the aggregate does not have."""

    upload: Upload
    turn: int | None = None
    """The place in line of a waiting or running upload."""


class StoredKey(msgspec.Struct, frozen=True):
    """The first call with an Idempotency-Key."""

    fingerprint: str
    made: int
    created_at: datetime


class NewEvent(msgspec.Struct, frozen=True):
    """An event as its transaction stores it, without a position."""

    upload_id: UploadId
    version: int
    event: DomainEvent


@dataclass(slots=True)
class State:
    """The tables, and the constraints between their rows."""

    users: set[UserId] = field(default_factory=set)
    songs: dict[SongId, Song] = field(default_factory=dict)
    uploads: dict[UploadId, StoredUpload] = field(default_factory=dict)
    by_key: dict[ObjectKey, UploadId] = field(default_factory=dict)
    uuids: set[str] = field(default_factory=set)
    records: dict[RecordId, Record] = field(default_factory=dict)
    record_of: dict[UploadId, RecordId] = field(default_factory=dict)
    idempotency_keys: dict[KeyTuple, StoredKey] = field(default_factory=dict)
    new_events: list[NewEvent] = field(default_factory=list)
    last_upload: int = 0
    last_record: int = 0

    def draft(self) -> "State":
        """Return a copy to change; rows are immutable, so a copy of the tables is enough."""
        return State(
            users=self.users.copy(),
            songs=self.songs.copy(),
            uploads=self.uploads.copy(),
            by_key=self.by_key.copy(),
            uuids=self.uuids.copy(),
            records=self.records.copy(),
            record_of=self.record_of.copy(),
            idempotency_keys=self.idempotency_keys.copy(),
            last_upload=self.last_upload,
            last_record=self.last_record,
        )

    def upload(self, upload_id: UploadId) -> Upload:
        """Return an upload with the id of its Record. Raise `UploadNotFound`."""
        try:
            stored = self.uploads[upload_id]
        except KeyError:
            raise UploadNotFound(upload_id) from None
        return replace(stored.upload, record_id=self.record_of.get(upload_id))

    def upload_by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose object has this *key*. Raise `UploadNotFound`."""
        if key not in self.by_key:
            raise UploadNotFound(UNSAVED)
        return self.upload(self.by_key[key])

    def all_uploads(self) -> list[Upload]:
        """Return all uploads by id."""
        return [self.upload(upload_id) for upload_id in self.uploads]

    def in_line(self) -> list[tuple[int, Upload]]:
        """Return the waiting uploads with their turns, in the order of claims."""
        waiting = [
            (stored.turn, self.upload(upload_id))
            for upload_id, stored in self.uploads.items()
            if stored.turn is not None and stored.upload.status is ProcessingStatus.UPLOADED
        ]
        return sorted(waiting, key=lambda place: (place[0], place[1].id))

    def add_upload(self, upload: Upload) -> Upload:
        """Store a new upload and its owner. Raise `StaleVersion` for a known uuid or key."""
        if upload.uuid in self.uuids or upload.key in self.by_key:
            raise StaleVersion(f"another upload has the uuid {upload.uuid} or its key")
        self.users.add(upload.owner_id)
        self.last_upload += 1
        upload = replace(upload, id=UploadId(self.last_upload))
        self.uploads[upload.id] = StoredUpload(upload)
        self.by_key[upload.key] = upload.id
        self.uuids.add(upload.uuid)
        self.new_events.append(NewEvent(upload.id, upload.version, upload.requested()))
        return upload

    def save_upload(self, upload: Upload, *events: DomainEvent) -> Upload:
        """Store a changed upload; its version rises by one with each event. Raise `StaleVersion`."""
        before = self.uploads.get(upload.id)
        if before is None or before.upload.version != upload.version:
            raise StaleVersion(f"another writer changed upload {upload.id} after version {upload.version}")
        saved = replace(upload, version=upload.version + len(events))
        self.uploads[upload.id] = StoredUpload(saved, self._turn(upload, before.turn, events[-1].at))
        for version, event in enumerate(events, upload.version + 1):
            self.new_events.append(NewEvent(upload.id, version, event))
        return saved

    def add_record(self, record: Record) -> Record:
        """Store a new record and return it with its id.

        Raise `StaleVersion` if its upload has one, or a row that it refers to does not exist.
        """
        if record.upload_id in self.record_of:
            raise StaleVersion(f"upload {record.upload_id} has a record")
        self.check_references(record)
        self.last_record += 1
        record = replace(record, id=RecordId(self.last_record))
        self.records[record.id] = record
        self.record_of[record.upload_id] = record.id
        return record

    def check_references(self, record: Record) -> None:
        """Raise `StaleVersion` if the user, upload or song of the record does not exist."""
        has_song = record.song_id is None or record.song_id in self.songs
        if record.owner_id not in self.users or record.upload_id not in self.uploads or not has_song:
            raise StaleVersion("the user, upload or song of the record does not exist")

    def remove_upload(self, upload_id: UploadId) -> None:
        """Remove a row. Raise `StaleVersion` if a Record refers to it."""
        if upload_id in self.record_of:
            raise StaleVersion(f"upload {upload_id} has a record")
        if stored := self.uploads.pop(upload_id, None):
            del self.by_key[stored.upload.key]
            self.uuids.remove(stored.upload.uuid)

    def _turn(self, upload: Upload, turn: int | None, at: datetime) -> int | None:
        if upload.status is ProcessingStatus.PROCESSING:
            return turn  # in case it is put back
        if not upload.is_waiting:
            return None
        if turn is not None:
            return turn
        # The uploads of one owner stand two turns apart, a newcomer one turn behind the front: sql/uploads.py
        # says why.
        line = self.in_line()
        turns = [place + 2 for place, waiting in line if waiting.owner_id == upload.owner_id]
        front = self._front(line, at)
        return max([*turns, front + 1] if front is not None else turns, default=0)

    def _front(self, line: list[tuple[int, Upload]], at: datetime) -> int | None:
        for place, waiting in line:
            if waiting.attempt == 0 and (waiting.not_before is None or waiting.not_before <= at):
                return place
        claimed = [
            stored.turn
            for stored in self.uploads.values()
            if stored.turn is not None and stored.upload.status is ProcessingStatus.PROCESSING
        ]
        return max(claimed) if claimed else line[0][0] if line else None


class StoredEvents:
    """All committed events, and how far each subscriber is.

    Events enter in the order of their commits, so an event has its feed position, which is also its id, from
    the start. Subscribers see it once `numbered` has reached that position.
    """

    def __init__(self) -> None:
        self.events: dict[int, NewEvent] = {}
        self.last = 0
        self.numbered = 0
        self.cursors: dict[str, int] = {}
        self.holds: dict[str, tuple[str, datetime]] = {}
        self.deferred: dict[tuple[str, int], SetAside] = {}

    def add(self, new: Iterable[NewEvent]) -> None:
        """Add committed events at the end."""
        for event in new:
            self.last += 1
            self.events[self.last] = event

    def at(self, position: int) -> LoggedEvent:
        """Return the event at a position that was not forgotten."""
        new = self.events[position]
        return LoggedEvent(position, position, new.upload_id, new.version, new.event)

    def after(self, position: int, limit: int) -> Iterator[LoggedEvent]:
        """Return the first numbered events after a position, in order."""
        positions = (place for place in range(position + 1, self.numbered + 1) if place in self.events)
        return map(self.at, islice(positions, limit))


class Store:
    """The committed state, and the lock of the writer that prepares the next one."""

    def __init__(self) -> None:
        self.committed = State()
        self.log = StoredEvents()
        self.event_signal = CommitSignal(hears_every_process=True)
        self._write_lock = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[State]:
        """Yield a draft; a clean exit commits it, an exception drops it."""
        async with self._write_lock:
            draft = self.committed.draft()
            yield draft
            new_events, draft.new_events = draft.new_events, []
            self.log.add(new_events)
            self.committed = draft
            if new_events:
                self.event_signal.give()
