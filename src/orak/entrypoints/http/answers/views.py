"""Answers about uploads and records: the domain as the wire shows it."""

from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from orak.application.uploads.request_upload import SignedUpload
from orak.domain.audio import Loudness, LoudnessLimit
from orak.domain.identity import MAX_ID, ObjectKey
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import ShownRecord
from orak.domain.times import WholeSeconds, whole_seconds
from orak.domain.upload import Upload
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import failure_text
from orak.entrypoints.settings.values import Settings

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Count = Annotated[int, Meta(ge=0)]
Bytes = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
Percent = Annotated[int, Meta(ge=0, le=100)]
Moment = Annotated[WholeSeconds, Meta(extra_json_schema={"format": "date-time"})]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]

_S = ProcessingStatus
RecordStatus = Literal["COMPLETED", "PROCESSING", "FAILED"]
RECORD_STATUSES: dict[ProcessingStatus, RecordStatus] = {
    _S.COMPLETED: "COMPLETED",
    _S.PROCESSING: "PROCESSING",
    _S.FAILED: "FAILED",
}
"""The words for the three statuses that a record can have."""


class View(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The body of an answer; its fields are camelCase on the wire."""


class SignedUploadView(View, frozen=True):
    """A new upload, and the exact request that sends its bytes."""

    upload_id: Annotated[Id, Meta(description="Id of the upload, for the record to be created.")]
    presigned_url: Annotated[
        Url, Meta(description="Where to send the bytes. It is a secret: it needs no token.")
    ]
    s3_key: Annotated[str, Meta(description="Key of the uploaded object in the store.")]
    expiration_time: Annotated[Moment, Meta(description="When the URL stops accepting new requests.")]
    method: Annotated[str, Meta(description="Method of the request that sends the bytes: `PUT`.")]
    headers: Annotated[
        dict[str, str], Meta(description="Headers of that request. Send all of them: they are signed.")
    ]

    @classmethod
    def of(cls, signed: SignedUpload) -> "SignedUploadView":
        """Return the view of a signed upload."""
        return cls(
            upload_id=signed.upload.id,
            presigned_url=signed.request.url,
            s3_key=signed.upload.key,
            expiration_time=whole_seconds(signed.request.expires_at),
            method=signed.request.method,
            headers=dict(signed.request.headers),
        )


class FailureView(View, frozen=True):
    """Why a conversion failed."""

    code: Annotated[FailureCode, Meta(description="The reason, for programs. Codes are stable.")]
    message: Annotated[str, Meta(description="The reason, for people, in the language of the answer.")]
    retryable: Annotated[
        bool, Meta(description="Whether a retry is accepted: the file is there, and may convert next time.")
    ]

    @classmethod
    def of(cls, failure: FailureCode | None, language: Language, *, retryable: bool) -> "FailureView | None":
        """Return the view of a failure, or None without one."""
        if failure is None:
            return None
        return cls(code=failure, message=failure_text(failure, language), retryable=retryable)


class UploadView(View, frozen=True):
    """An upload as its owner sees it."""

    upload_id: Annotated[Id, Meta(description="Id of the upload.")]
    record_id: Annotated[Id | None, Meta(description="Id of its record; null while it has none.")]
    processing_status: Annotated[
        ProcessingStatus,
        Meta(
            description="Status of the upload. It is finer than a record's: `PENDING`, `UPLOADED`, `EXPIRED`…"
        ),
    ]
    s3_key: Annotated[
        str, Meta(description="Key of the uploaded object; once COMPLETED, of the converted one.")
    ]
    file_size: Annotated[Bytes, Meta(description="Declared size in bytes.")]
    content_type: Annotated[str, Meta(description="Declared media type, with its parameters.")]
    created_at: Annotated[Moment, Meta(description="When the upload was requested.")]
    expiration_time: Annotated[Moment, Meta(description="When the URL stops accepting new requests.")]
    failure: Annotated[FailureView | None, Meta(description="Why it failed; otherwise null.")]

    @classmethod
    def of(cls, upload: Upload, language: Language) -> "UploadView":
        """Return the view of *upload*."""
        return cls(
            upload_id=upload.id,
            record_id=upload.record_id,
            processing_status=upload.status,
            s3_key=upload.shown_key,
            file_size=upload.file_size,
            content_type=upload.content_type,
            created_at=whole_seconds(upload.created_at),
            expiration_time=whole_seconds(upload.url_expires_at),
            failure=FailureView.of(upload.shown_failure, language, retryable=upload.retry_obstacle() is None),
        )


class LoudnessView(View, frozen=True):
    """Loudness before and after conversion (ITU-R BS.1770-4)."""

    input_lufs: Annotated[
        float | None, Meta(description="Integrated loudness of the upload in LUFS; null if it is silent.")
    ]
    output_lufs: Annotated[
        float | None,
        Meta(description="Integrated loudness after conversion in LUFS; null if it is silent."),
    ]
    true_peak_db: Annotated[
        float | None, Meta(description="True peak of the converted audio in dBTP; null if it is silent.")
    ]
    limited_by: Annotated[
        LoudnessLimit | None,
        Meta(
            description="Why the converted audio is not at -14 LUFS: `headroom` if its peaks would need more "
            "than 6 dB of limiting, `silence` if it is shorter than 400 ms, silent, or so quiet that the "
            "most gain (30 dB) does not suffice; otherwise null."
        ),
    ]

    @classmethod
    def of(cls, loudness: Loudness) -> "LoudnessView":
        """Return the view of *loudness*."""
        return cls(
            input_lufs=loudness.input_lufs,
            output_lufs=loudness.output_lufs,
            true_peak_db=loudness.true_peak_db,
            limited_by=loudness.limited_by,
        )


class RecordView(View, frozen=True):
    """A record, and the progress of its conversion."""

    id: Annotated[Id, Meta(description="Id of the record.")]
    title: Annotated[str, Meta(description="Title of the record.")]
    user_id: Annotated[Id, Meta(description="Id of the owner.")]
    song_id: Annotated[Id | None, Meta(description="Id of the song; null if the record names none.")]
    upload_id: Annotated[Id, Meta(description="Id of the upload.")]
    duration_seconds: Annotated[
        int | None,
        Meta(
            description="Duration in whole seconds, rounded down. Until the audio is measured, the client's "
            "figure, or null without one."
        ),
    ]
    processing_status: Annotated[RecordStatus, Meta(description="Status of the conversion.")]
    s3_key: Annotated[
        str, Meta(description="Key of the uploaded object; once COMPLETED, of the converted one.")
    ]
    public_url: Annotated[Url | None, Meta(description="URL of the converted audio; null until COMPLETED.")]
    created_at: Annotated[Moment, Meta(description="When the record was created.")]
    updated_at: Annotated[
        Moment,
        Meta(description="When anything in this answer last changed, including the conversion."),
    ]
    failure: Annotated[FailureView | None, Meta(description="Why the conversion failed; otherwise null.")]
    waveform_url: Annotated[
        Url | None,
        Meta(
            description="URL of the waveform: JSON with [min, max] pairs from -1 to 1; null until COMPLETED."
        ),
    ]
    loudness: Annotated[LoudnessView | None, Meta(description="Measured loudness; null until COMPLETED.")]
    progress: Annotated[Percent, Meta(description="Progress of the conversion in percent.")]

    @classmethod
    def of(cls, shown: ShownRecord, settings: Settings, language: Language) -> "RecordView":
        """Return the view of a record; public URLs begin with `settings.media_url`."""
        output, audio_key = shown.output, shown.audio_key
        return cls(
            id=shown.id,
            title=shown.title,
            user_id=shown.owner_id,
            song_id=shown.song_id,
            upload_id=shown.upload_id,
            duration_seconds=shown.duration_seconds,
            processing_status=RECORD_STATUSES[shown.status],
            s3_key=shown.key,
            public_url=public_url(settings, audio_key) if audio_key else None,
            created_at=whole_seconds(shown.created_at),
            updated_at=whole_seconds(shown.updated_at),
            failure=FailureView.of(shown.failure, language, retryable=shown.is_retryable),
            waveform_url=public_url(settings, output.waveform_key) if output else None,
            loudness=LoudnessView.of(output.loudness) if output else None,
            progress=shown.progress,
        )


def public_url(settings: Settings, key: ObjectKey) -> str:
    """Return the URL of the public object under *key*."""
    return f"{settings.media_url}/{quote(key)}"
