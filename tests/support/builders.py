"""Aggregates as tests need them: every field has a sensible value, and any can be named."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from orak.domain.events import DomainEvent, EventType, LoggedEvent
from orak.domain.identity import UploadId, UserId, original_key
from orak.domain.processing import ProcessingStatus
from orak.domain.record import Record, RecordSnapshot
from orak.domain.upload import StoredObject, Upload

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
"""When tests begin."""

SINGER = UserId(7)
STRANGER = UserId(8)

_positions = count(1)


def an_upload(owner=SINGER, *, filename="take.webm", size=3, at=START, uuid=None, **fields) -> Upload:
    """An upload that was asked for at START and awaits its bytes."""
    uuid = uuid or str(uuid4())
    fields = {"content_type": "audio/webm", "url_expires_at": at + timedelta(minutes=15)} | fields
    return Upload(
        owner_id=owner,
        uuid=uuid,
        original_filename=filename,
        file_size=size,
        key=original_key(uuid, filename),
        created_at=at,
        **fields,
    )


def a_record(upload: Upload | None = None, *, title="한 곡", at=START, **fields) -> Record:
    """A record of *upload*, or of upload 1 of the singer's."""
    owner, upload_id = (upload.owner_id, upload.id) if upload else (SINGER, UploadId(1))
    fields = {"created_at": at, "updated_at": at} | fields
    return Record(owner_id=owner, upload_id=upload_id, title=title, **fields)


def an_object(upload: Upload, **fields) -> StoredObject:
    """What a store says when the bytes of *upload* have come as declared."""
    return StoredObject(
        **{
            "key": upload.key,
            "size": upload.file_size,
            "content_type": upload.content_type,
            "etag": '"e1"',
            "modified_at": START,
        }
        | fields
    )


def a_logged_event(
    upload=1, version=1, type_=EventType.UPLOAD_RECEIVED, *, position=None, filename="노래.webm", **fields
) -> LoggedEvent:
    """An event of upload 1, at a place in the feed that no other has."""
    uuid = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"
    key = fields.pop("key", original_key(uuid, filename))
    fields = {"status": ProcessingStatus.UPLOADED, "attempt": 0, "at": START} | fields
    event = DomainEvent(type_, SINGER, uuid, key=key, original_key=key, **fields)
    position = position or next(_positions)
    return LoggedEvent(position, position + 1000, UploadId(upload), version, event)


async def a_waiting_take(persistence, owner=SINGER, *, at=START, **fields) -> RecordSnapshot:
    """A take that was asked for, named, and arrived: it stands in line."""
    upload = await persistence.intake.add(an_upload(owner, at=at, **fields))
    async with persistence.transaction() as tx:
        record = await tx.records.add(a_record(upload, at=at))
        upload = await tx.uploads.save(*upload.attach_record(record.id, at=at))
        upload = await tx.uploads.save(*upload.receive(an_object(upload), at=at))
    return RecordSnapshot(record, upload)


async def saved(persistence, move) -> Upload:
    """What a transition made, saved in a transaction of its own."""
    async with persistence.transaction() as tx:
        return await tx.uploads.save(*move)
