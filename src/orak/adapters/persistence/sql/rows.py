"""Conversion between rows and aggregates.

Reading columns by index costs half as much as by name.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from orak.adapters.persistence.sql.event_payload import EventPayload
from orak.adapters.persistence.sql.tables import events, records, uploads
from orak.domain.audio import Loudness, LoudnessLimit
from orak.domain.events import DomainEvent, LoggedEvent
from orak.domain.identity import UploadId
from orak.domain.origin import Origin
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import Record, RecordSnapshot, ShownRecord
from orak.domain.upload import Output, Upload

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""The value of `not_before` for an upload that need not wait; with NULL every comparison would fail."""

UPLOAD_COLUMNS = (
    uploads.c.id,
    uploads.c.uuid,
    uploads.c.object_key,
    uploads.c.original_filename,
    uploads.c.uploader_id,
    uploads.c.file_size,
    uploads.c.content_type,
    uploads.c.directory,
    uploads.c.declared_duration,
    uploads.c.processing_status,
    uploads.c.processing_error_message,
    uploads.c.failure_code,
    uploads.c.created_at,
    uploads.c.url_expires_at,
    uploads.c.version,
    uploads.c.attempt,
    uploads.c.failures,
    uploads.c.progress,
    uploads.c.not_before,
    uploads.c.lease_until,
    uploads.c.etag,
    uploads.c.output_key,
    uploads.c.waveform_key,
    uploads.c.measured_duration,
    uploads.c.input_lufs,
    uploads.c.output_lufs,
    uploads.c.true_peak_db,
    uploads.c.limited_by,
    uploads.c.ended_at,
    uploads.c.changed_at,
    uploads.c.request_id,
    uploads.c.traceparent,
)

RECORD_COLUMNS = (
    records.c.id,
    records.c.user_id,
    records.c.song_id,
    records.c.upload_id,
    records.c.title,
    records.c.duration_seconds,
    records.c.created_at,
    records.c.updated_at,
    records.c.version,
)

SHOWN_COLUMNS = (
    records.c.id,
    records.c.user_id,
    records.c.song_id,
    records.c.upload_id,
    records.c.title,
    records.c.duration_seconds,
    records.c.created_at,
    records.c.updated_at,
    records.c.version,
    uploads.c.version,
    uploads.c.processing_status,
    uploads.c.failure_code,
    uploads.c.object_key,
    uploads.c.changed_at,
    uploads.c.etag.is_not(None),
    uploads.c.progress,
    uploads.c.output_key,
    uploads.c.waveform_key,
    uploads.c.measured_duration,
    uploads.c.input_lufs,
    uploads.c.output_lufs,
    uploads.c.true_peak_db,
    uploads.c.limited_by,
)

_RECORD = len(UPLOAD_COLUMNS)
_STATUSES = {status.value: status for status in ProcessingStatus}
_FAILURES: dict[str | None, FailureCode | None] = {None: None}
_FAILURES |= {failure.value: failure for failure in FailureCode}
_LIMITS: dict[str | None, LoudnessLimit | None] = {None: None}
_LIMITS |= {limit.value: limit for limit in LoudnessLimit}


def to_upload(row: Sequence[Any]) -> Upload:
    """Read UPLOAD_COLUMNS, followed by the id of the Record or NULL."""
    (
        id_,
        uuid,
        key,
        original_filename,
        owner_id,
        file_size,
        content_type,
        directory,
        declared_duration,
        status_word,
        error_message,
        failure_word,
        created_at,
        url_expires_at,
        version,
        attempt,
        failures,
        progress,
        not_before,
        lease_until,
        etag,
        audio_key,
        waveform_key,
        measured_duration,
        input_lufs,
        output_lufs,
        true_peak_db,
        limit_word,
        ended_at,
        changed_at,
        request_id,
        traceparent,
        record_id,
    ) = row[: _RECORD + 1]
    status = _STATUSES[status_word]
    output = None
    if audio_key is not None:
        loudness = Loudness(input_lufs, output_lufs, true_peak_db, _LIMITS[limit_word])
        output = Output(audio_key, waveform_key, measured_duration, loudness)
    return Upload(
        id=id_,
        owner_id=owner_id,
        uuid=uuid,
        original_filename=original_filename,
        file_size=file_size,
        content_type=content_type,
        key=key,
        created_at=created_at,
        url_expires_at=url_expires_at,
        declared_duration=declared_duration,
        directory=directory,
        record_id=record_id,
        status=status,
        version=version,
        attempt=attempt,
        failures=failures,
        etag=etag,
        not_before=None if not_before == AT_ONCE else not_before,
        lease_until=lease_until,
        progress=progress,
        failure=_FAILURES[failure_word],
        error_message=error_message,
        output=output,
        deleted_at=ended_at if status is ProcessingStatus.DELETED else None,
        changed_at=changed_at,
        origin=None if request_id is None else Origin(request_id, traceparent),
    )


def to_record(row: Sequence[Any]) -> Record:
    """Read RECORD_COLUMNS, which are the last columns of the row."""
    id_, owner_id, song_id, upload_id, title, duration, created_at, updated_at, version = row[-9:]
    return Record(
        id=id_,
        owner_id=owner_id,
        upload_id=upload_id,
        title=title,
        created_at=created_at,
        updated_at=updated_at,
        song_id=song_id,
        duration_seconds=duration,
        version=version,
    )


def to_snapshot(row: Sequence[Any]) -> RecordSnapshot:
    """Read UPLOAD_COLUMNS and RECORD_COLUMNS."""
    return RecordSnapshot(to_record(row), to_upload(row))


def to_shown(row: Sequence[Any]) -> ShownRecord:
    """Read SHOWN_COLUMNS."""
    (
        id_,
        owner_id,
        song_id,
        upload_id,
        title,
        declared_duration,
        created_at,
        record_changed_at,
        version,
        upload_version,
        status_word,
        failure_word,
        upload_key,
        upload_changed_at,
        has_object,
        progress,
        audio_key,
        waveform_key,
        measured_duration,
        input_lufs,
        output_lufs,
        true_peak_db,
        limit_word,
    ) = row
    output = None
    if audio_key is not None:
        loudness = Loudness(input_lufs, output_lufs, true_peak_db, _LIMITS[limit_word])
        output = Output(audio_key, waveform_key, measured_duration, loudness)
    return ShownRecord(
        id_,
        owner_id,
        song_id,
        upload_id,
        title,
        declared_duration,
        created_at,
        record_changed_at,
        version,
        upload_version,
        _STATUSES[status_word],
        _FAILURES[failure_word],
        upload_key,
        upload_changed_at,
        has_object,
        progress,
        output,
    )


def upload_values(upload: Upload, at: datetime) -> dict[str, object]:
    """Return the values of all columns after a change at *at*, but `id` and `turn`.

    SQL computes these two.
    """
    output, loudness = upload.output, upload.output and upload.output.loudness
    return {
        "uuid": upload.uuid,
        "object_key": upload.key,
        "original_filename": upload.original_filename,
        "extension": upload.extension,
        "uploader_id": upload.owner_id,
        "file_size": upload.file_size,
        "content_type": upload.content_type,
        "directory": upload.directory,
        "declared_duration": upload.declared_duration,
        "processing_status": upload.status.value,
        "processing_error_message": upload.error_message,
        "failure_code": upload.failure and upload.failure.value,
        "created_at": upload.created_at,
        "url_expires_at": upload.url_expires_at,
        "version": upload.version,
        "attempt": upload.attempt,
        "failures": upload.failures,
        "progress": upload.progress,
        "not_before": upload.not_before or AT_ONCE,
        "lease_until": upload.lease_until,
        "etag": upload.etag,
        "output_key": output and output.audio_key,
        "waveform_key": output and output.waveform_key,
        "measured_duration": output and output.duration_seconds,
        "input_lufs": loudness and loudness.input_lufs,
        "output_lufs": loudness and loudness.output_lufs,
        "true_peak_db": loudness and loudness.true_peak_db,
        "limited_by": loudness and loudness.limited_by and loudness.limited_by.value,
        "ended_at": _ended_at(upload, at),
        "changed_at": upload.changed_at,
        "request_id": upload.origin and upload.origin.request_id,
        "traceparent": upload.origin and upload.origin.traceparent,
    }


def _ended_at(upload: Upload, at: datetime) -> datetime | None:
    """Return the time of deletion, *at* if the upload is over, or None if it is not."""
    if upload.deleted_at is not None:
        return upload.deleted_at
    return at if upload.is_over else None


def record_values(record: Record) -> dict[str, object]:
    """Return the values of all columns except `id`."""
    return {
        "user_id": record.owner_id,
        "song_id": record.song_id,
        "upload_id": record.upload_id,
        "title": record.title,
        "duration_seconds": record.duration_seconds,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "version": record.version,
    }


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(EventPayload)

EVENT_COLUMNS = (
    events.c.position,
    events.c.id,
    events.c.upload_id,
    events.c.version,
    events.c.payload,
    events.c.request_id,
    events.c.traceparent,
)


def event_values(upload_id: UploadId, version: int, event: DomainEvent) -> dict[str, object]:
    """Return the values of a new event's columns; its position comes after commit."""
    return {
        "upload_id": upload_id,
        "version": version,
        "type": event.type.value,
        "payload": _encoder.encode(EventPayload.of(event)).decode(),
        "at": event.at,
        "user_id": event.user_id,
        "request_id": event.origin and event.origin.request_id,
        "traceparent": event.origin and event.origin.traceparent,
    }


def to_logged_event(row: Sequence[Any]) -> LoggedEvent:
    """Read EVENT_COLUMNS."""
    position, event_id, upload_id, version, payload, request_id, traceparent = row
    origin = None if request_id is None else Origin(request_id, traceparent)
    return LoggedEvent(position, event_id, upload_id, version, _decoder.decode(payload).event(origin))
