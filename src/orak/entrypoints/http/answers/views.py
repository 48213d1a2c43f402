"""What answers look like: the domain, projected onto the wire."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from orak.application.uploads.request_upload import SignedUpload
from orak.domain.audio import Loudness
from orak.domain.identity import MAX_ID, ObjectKey
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import failure_text
from orak.entrypoints.settings.values import Settings

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Percent = Annotated[int, Meta(ge=0, le=100)]

_S = ProcessingStatus
Shown = Literal["COMPLETED", "PROCESSING", "FAILED"]
SHOWN: dict[ProcessingStatus, Shown] = {
    _S.COMPLETED: "COMPLETED",
    _S.PROCESSING: "PROCESSING",
    _S.FAILED: "FAILED",
}


class View(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Something on the wire: camelCase, each field by its name."""


class SignedUploadView(View, frozen=True):
    """A new upload, and exactly the request that sends its bytes."""

    upload_id: Id
    presigned_url: str
    s3_key: str
    expiration_time: datetime
    method: str
    headers: dict[str, str]
    """What must be sent so that the signature holds."""

    @classmethod
    def of(cls, signed: SignedUpload) -> "SignedUploadView":
        """Project what the use case returned."""
        return cls(
            upload_id=signed.upload.id,
            presigned_url=signed.request.url,
            s3_key=signed.upload.key,
            expiration_time=signed.request.expires_at,
            method=signed.request.method,
            headers=dict(signed.request.headers),
        )


class FailureView(View, frozen=True):
    """Why a take failed: a stable code, and a sentence in the caller's language."""

    code: FailureCode
    message: str

    @classmethod
    def of(cls, failure: FailureCode | None, language: Language) -> "FailureView | None":
        """Say it in *language*."""
        return cls(code=failure, message=failure_text(failure, language)) if failure else None


class UploadView(View, frozen=True):
    """Where an upload stands. Its status is the inner one: PENDING, UPLOADED, EXPIRED and CANCELLED too."""

    upload_id: Id
    record_id: Id | None
    processing_status: ProcessingStatus
    s3_key: str
    file_size: int
    content_type: str
    created_at: datetime
    expiration_time: datetime
    failure: FailureView | None

    @classmethod
    def of(cls, upload: Upload, language: Language) -> "UploadView":
        """Project an upload."""
        return cls(
            upload_id=upload.id,
            record_id=upload.record_id,
            processing_status=upload.status,
            s3_key=upload.shown_key,
            file_size=upload.file_size,
            content_type=upload.content_type,
            created_at=upload.created_at,
            expiration_time=upload.url_expires_at,
            failure=FailureView.of(upload.failure, language),
        )


class LoudnessView(View, frozen=True):
    """How loud the take came in and went out; null where there was only silence to measure."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None

    @classmethod
    def of(cls, loudness: Loudness) -> "LoudnessView":
        """Project what was measured."""
        return cls(
            input_lufs=loudness.input_lufs,
            output_lufs=loudness.output_lufs,
            true_peak_db=loudness.true_peak_db,
        )


class RecordView(View, frozen=True):
    """A record, and how far its take is."""

    id: Id
    title: str
    user_id: Id
    song_id: Id | None
    upload_id: Id
    duration_seconds: int | None
    processing_status: Shown
    s3_key: str
    public_url: str | None
    created_at: datetime
    updated_at: datetime
    failure: FailureView | None
    waveform_url: str | None
    loudness: LoudnessView | None
    progress: Percent

    @classmethod
    def of(cls, snapshot: RecordSnapshot, settings: Settings, language: Language) -> "RecordView":
        """Project a recording; public URLs begin with the CDN's, as *settings* say."""
        record, upload = snapshot.record, snapshot.upload
        output = upload.output
        return cls(
            id=record.id,
            title=record.title,
            user_id=record.owner_id,
            song_id=record.song_id,
            upload_id=record.upload_id,
            duration_seconds=snapshot.duration_seconds,
            processing_status=SHOWN[snapshot.status],
            s3_key=upload.shown_key,
            public_url=public_url(settings, output.audio_key) if output else None,
            created_at=record.created_at,
            updated_at=record.updated_at,
            failure=FailureView.of(snapshot.failure, language),
            waveform_url=public_url(settings, output.waveform_key) if output else None,
            loudness=LoudnessView.of(output.loudness) if output else None,
            progress=upload.progress,
        )


def public_url(settings: Settings, key: ObjectKey) -> str:
    """Where the public object under *key* is found."""
    return f"{settings.media_url}/{quote(key)}"


class HealthView(View, frozen=True, omit_defaults=True):
    """A sign of life."""

    status: Literal["live", "ready"]
    degraded: list[str] = []
    """Parts that do not answer, and without which everything is only slower."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """One wrong field, by its name on the wire."""

    field: str
    code: str
    message: str


class ErrorView(View, frozen=True):
    """What went wrong."""

    code: ErrorCode
    message: str
    timestamp: datetime
    path: str
    """Without the query, which may hold a signature."""
    request_id: str
    details: list[ErrorDetail]
    """All wrong fields at once."""


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """What every refusal and failure looks like."""

    error: ErrorView
