"""What orak answers, as typed values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A field that this client does not know yet is passed over."""


class PresignedUpload(Answer, frozen=True):
    """A new upload, and exactly the request that sends its bytes."""

    upload_id: int
    presigned_url: str
    s3_key: str
    expiration_time: datetime
    method: str
    headers: Mapping[str, str]
    """What must be sent so that the signature holds."""


class Failure(Answer, frozen=True):
    """Why a take failed: a stable code, and a sentence in the client's language."""

    code: str
    message: str


class Loudness(Answer, frozen=True):
    """How loud a take came in and went out; None where there was only silence to measure."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None
    """Of the published take, in dBTP."""


class Record(Answer, frozen=True):
    """A named take, and how far it is."""

    id: int
    title: str
    user_id: int
    song_id: int | None
    upload_id: int
    duration_seconds: int | None
    processing_status: Literal["COMPLETED", "PROCESSING", "FAILED"]
    s3_key: str
    """The uploaded object until COMPLETED, then the converted one."""
    public_url: str | None
    created_at: datetime
    updated_at: datetime
    failure: Failure | None
    waveform_url: str | None
    loudness: Loudness | None
    progress: int
    """Of the conversion, 0 to 100."""
    etag: str | None = None
    """This version of it, if it was read by itself: `get(id, known=record)` then costs next to nothing."""

    @property
    def is_settled(self) -> bool:
        """Whether it stays as it is by itself: COMPLETED or FAILED."""
        return self.processing_status != "PROCESSING"


class Upload(Answer, frozen=True):
    """Where an upload stands, in orak's own words."""

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
    """Until then a PUT may begin."""
    failure: Failure | None


class ErrorDetail(Answer, frozen=True):
    """One wrong field."""

    field: str
    code: str
    message: str


class ApiError(Answer, frozen=True):
    """What a refusal says."""

    code: str
    message: str
    request_id: str
    details: list[ErrorDetail] = []


class ErrorEnvelope(Answer, frozen=True):
    """What a refusal comes in."""

    error: ApiError


class OperatedUpload(Answer, frozen=True):
    """Anybody's upload, as operators see it."""

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
    """Runs that failed or died since the last retry."""
    failure: Failure | None
    error_message: str | None
    """What the last failed run said."""
    failed_at: datetime | None = None
    """When it failed, in the list of those that did."""


class RelayLag(Answer, frozen=True):
    """How far a reader of events is behind."""

    reader: str
    behind: int
    deferred: int
    oldest_seconds: float


class Statistics(Answer, frozen=True):
    """How conversion goes, over all processes."""

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
    """How long the first take in line that may start has stood there."""
    relays: list[RelayLag] = []
    """Who reads the log of events; empty from a service that does not say."""
