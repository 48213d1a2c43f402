"""The API's responses as typed values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A JSON object of the API. Fields that this client does not know are ignored."""


class PresignedUpload(Answer, frozen=True):
    """A new upload and the request that sends its bytes."""

    upload_id: int
    presigned_url: str
    s3_key: str
    expiration_time: datetime
    method: str
    headers: Mapping[str, str]
    """The headers to send; the signature covers them."""


class Failure(Answer, frozen=True):
    """Why an upload failed: a stable code, and a sentence in the client's language."""

    code: str
    message: str
    retryable: bool = False
    """Whether `retry` is accepted: the file is there, and may convert next time."""


class Loudness(Answer, frozen=True):
    """Loudness before and after conversion; None where the audio is silent."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None
    """True peak of the rendition, in dBTP."""
    limited_by: Literal["headroom", "silence"] | None = None
    """Why the rendition is not at -14 LUFS: its peaks, or too little sound; None if it is."""


class Record(Answer, frozen=True):
    """A named recording and the state of its conversion."""

    id: int
    title: str
    user_id: int
    song_id: int | None
    upload_id: int
    duration_seconds: int | None
    processing_status: Literal["COMPLETED", "PROCESSING", "FAILED"]
    s3_key: str
    """Key of the uploaded object until COMPLETED, then of the rendition."""
    public_url: str | None
    created_at: datetime
    updated_at: datetime
    failure: Failure | None
    waveform_url: str | None
    loudness: Loudness | None
    progress: int
    """Progress of the conversion, 0 to 100."""
    etag: str | None = None
    """Version of a record that was read on its own; `get(id, known=record)` sends it to save bandwidth."""

    @property
    def is_settled(self) -> bool:
        """Whether the conversion has ended: COMPLETED or FAILED."""
        return self.processing_status != "PROCESSING"


class Upload(Answer, frozen=True):
    """An upload and its status."""

    upload_id: int
    record_id: int | None
    processing_status: Literal[
        "PENDING", "UPLOADED", "PROCESSING", "COMPLETED", "FAILED", "EXPIRED", "CANCELLED"
    ]
    s3_key: str
    file_size: int
    content_type: str
    created_at: datetime
    expiration_time: datetime
    """A PUT must begin before this time."""
    failure: Failure | None


class ErrorDetail(Answer, frozen=True):
    """One invalid field."""

    field: str
    code: str
    message: str


class ApiError(Answer, frozen=True):
    """The error in an error response."""

    code: str
    message: str
    request_id: str
    details: list[ErrorDetail] = []


class ErrorEnvelope(Answer, frozen=True):
    """The body of an error response."""

    error: ApiError


class OperatedUpload(Answer, frozen=True):
    """An upload of any user, as operators see it."""

    upload_id: int
    record_id: int | None
    user_id: int
    processing_status: str
    s3_key: str
    file_size: int
    content_type: str
    created_at: datetime
    attempt: int
    failures: int
    """Jobs that failed or died since the last retry."""
    failure: Failure | None
    error_message: str | None
    """The error that the last failed job reported."""
    failed_at: datetime | None = None
    """When the upload failed. Only the list of failures has it."""


class RelayLag(Answer, frozen=True):
    """How far a subscriber of the event log is behind."""

    reader: str
    behind: int
    deferred: int
    oldest_seconds: float


class Statistics(Answer, frozen=True):
    """Conversion statistics over all processes."""

    active_jobs: int
    max_concurrent_jobs: int
    processing_count: int
    failed_count: int
    completed_count: int
    batch_enabled: bool
    queue_depth: int
    waiting_users: int
    batch_size: int
    orphan_count: int
    oldest_waiting_seconds: float
    """How long the oldest upload that may start has waited, in seconds."""
    relays: list[RelayLag] = []
    """Subscribers of the event log; empty if the server does not report them."""
