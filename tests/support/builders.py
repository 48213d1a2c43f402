"""Aggregates for tests: each field has a default, and a test sets the fields that matter to it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from orak.application.ports.record_intake import Creation
from orak.domain.events import DomainEvent, EventType, LoggedEvent
from orak.domain.identity import EventKey, UploadId, UserId, original_key
from orak.domain.processing import ProcessingStatus
from orak.domain.record import Record, RecordSnapshot
from orak.domain.upload import StoredObject, Upload

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
"""The time at which tests begin."""

OWNER = UserId(7)
OTHER_USER = UserId(8)

_positions = count(1)


def an_upload(owner=OWNER, *, filename="take.webm", size=3, at=START, uuid=None, **fields) -> Upload:
    """An upload requested at START; its bytes have not arrived."""
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
    """A record of *upload*, or of upload 1, which belongs to OWNER."""
    owner, upload_id = (upload.owner_id, upload.id) if upload else (OWNER, UploadId(1))
    fields = {"created_at": at, "updated_at": at} | fields
    return Record(owner_id=owner, upload_id=upload_id, title=title, **fields)


def an_object(upload: Upload, **fields) -> StoredObject:
    """The object of *upload*, as declared."""
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
    upload=1, version=1, type_=EventType.UPLOAD_RECEIVED, *, position=None, **fields
) -> LoggedEvent:
    """An event of upload 1 at a feed position of its own."""
    uuid = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"
    key = fields.pop("key", EventKey(f"recordings/{uuid}"))
    fields = {"status": ProcessingStatus.UPLOADED, "attempt": 0, "at": START} | fields
    event = DomainEvent(type_, OWNER, uuid, key=key, **fields)
    position = position or next(_positions)
    return LoggedEvent(position, position + 1000, UploadId(upload), version, event)


async def created(persistence, upload: Upload, found=None, *, at=START, **fields) -> RecordSnapshot:
    """A record of *upload*, which is as it is stored; with *found*, its bytes arrived too."""
    return await persistence.record_intake.add(Creation(a_record(upload, at=at, **fields), upload, found))


async def a_waiting_record(persistence, owner=OWNER, *, at=START, **fields) -> RecordSnapshot:
    """A record whose upload has arrived and waits for conversion."""
    upload = await persistence.intake.add(an_upload(owner, at=at, **fields))
    return await created(persistence, upload, an_object(upload), at=at)


async def saved(persistence, move) -> Upload:
    """Save the result of a transition in a transaction of its own."""
    async with persistence.transaction() as tx:
        return await tx.uploads.save(*move)
