from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec.structs import replace

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.events import DomainEvent
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.origin import Origin
from orak.domain.record import Record, RecordSnapshot
from orak.domain.upload import StoredObject, Upload


class Wanted(msgspec.Struct, frozen=True):
    """What a call that creates a record refers to."""

    upload_id: UploadId
    song_id: SongId | None = None
    idempotency_key: IdempotencyKey | None = None


class Found(msgspec.Struct, frozen=True):
    """What a call that creates a record has to know before it decides."""

    upload: Upload | None
    """The upload, tombstones too; None if it does not exist."""
    has_song: bool
    """Whether the song exists; true if the call names none."""
    made: RecordId | None
    """The record that the first call with the idempotency key made."""


class Creation(msgspec.Struct, frozen=True):
    """A new record, the upload as it was read, and the object that was found, if orak looked for it."""

    record: Record
    upload: Upload
    found: StoredObject | None
    idempotency_key: IdempotencyKey | None = None
    origin: Origin | None = None
    """The request that asks for the record."""

    @property
    def at(self) -> datetime:
        """When the record is created."""
        return self.record.created_at

    def saved_as(self, record_id: RecordId) -> tuple[RecordSnapshot, Sequence[DomainEvent]]:
        """Return what is stored under this id, with one event for each version of the upload."""
        upload, created = self.upload.attach_record(record_id, at=self.at, origin=self.origin)
        events = [created]
        if self.found is not None:
            upload, arrival = upload.receive(self.found, at=self.at)
            events.append(arrival)
        upload = replace(upload, version=self.upload.version + len(events))
        return RecordSnapshot(replace(self.record, id=record_id), upload), events


class RecordIntake(Protocol):
    """Stores new records, many at a time.

    Every method may raise `Unavailable`. Concurrent calls are read and written as groups. Cancelling one call
    does not affect the others of its group.
    """

    async def find(self, wanted: Wanted) -> Found:
        """Return what the call has to know, read by one statement.

        Raises:
            IdempotencyMismatch: the key was used with another body.
        """
        ...

    async def add(self, creation: Creation) -> RecordSnapshot:
        """Store the record, its upload, their events and the idempotency key: all or nothing.

        They are durable once this returns. If they cannot be written, only this call fails. The upload joins
        the line of waiting uploads as `Uploads.save` promises.

        Raises:
            StaleVersion: the upload changed since it was read, a row that it refers to is gone, or a call
                with the same key was first. Read again and decide again.
            UserUnknown: the users belong to the app, and it has removed the owner.
        """
        ...
