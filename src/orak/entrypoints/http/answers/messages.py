"""Every message for people, in Korean and English."""

from collections.abc import Mapping
from typing import NamedTuple

from orak.application.ports.object_server import InvalidSignature, LengthMismatch, ObjectExists
from orak.domain.errors import (
    AdminRequired,
    OrakError,
    PermissionDenied,
    Problem,
    ProblemCode,
    RecordExists,
    RecordNotFound,
    SongNotFound,
    SongsOfApp,
    StateConflict,
    UploadNotFound,
    UserUnknown,
    WrongState,
)
from orak.domain.processing import FailureCode
from orak.domain.webhooks import DeliveryNotFound, EndpointNotFound
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.languages import Language


class Text(NamedTuple):
    """One message, in each language."""

    korean: str
    english: str

    def translated(self, language: Language) -> str:
        """Return the message in *language*."""
        return self.korean if language is Language.KOREAN else self.english


_GENERAL: Mapping[ErrorCode, Text] = {
    ErrorCode.RECORD_OPERATION_FAILED: Text("요청을 처리할 수 없습니다", "The request cannot be completed"),
    ErrorCode.RECORD_NOT_FOUND: Text("Record not found", "Record not found"),
    ErrorCode.RECORD_PERMISSION_DENIED: Text("Permission denied for record", "Permission denied for record"),
    ErrorCode.VALIDATION_FAILED: Text("요청 값이 올바르지 않습니다", "The request is not valid"),
    ErrorCode.UNAUTHORIZED: Text("인증이 필요합니다", "Authentication is required"),
    ErrorCode.FORBIDDEN: Text("권한이 없습니다", "You are not allowed to do this"),
    ErrorCode.NOT_FOUND: Text("찾을 수 없습니다", "Not found"),
    ErrorCode.METHOD_NOT_ALLOWED: Text("허용되지 않는 메서드입니다", "This method is not allowed"),
    ErrorCode.CONFLICT: Text(
        "다른 변경과 충돌했습니다. 다시 시도해 주세요", "Another change came first. Please try again"
    ),
    ErrorCode.PRECONDITION_FAILED: Text("사전 조건이 충족되지 않았습니다", "A precondition failed"),
    ErrorCode.PAYLOAD_TOO_LARGE: Text("요청 본문이 너무 큽니다", "The request body is too large"),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: Text(
        "지원하지 않는 본문 형식입니다", "This type of request body is not supported"
    ),
    ErrorCode.RANGE_NOT_SATISFIABLE: Text(
        "요청한 범위를 제공할 수 없습니다", "The range is outside the object"
    ),
    ErrorCode.IDEMPOTENCY_CONFLICT: Text(
        "같은 Idempotency-Key가 다른 요청에 이미 사용되었습니다",
        "This Idempotency-Key was used with another request",
    ),
    ErrorCode.RATE_LIMITED: Text(
        "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요", "Too many requests. Please try again in a moment"
    ),
    ErrorCode.QUOTA_EXCEEDED: Text("할당량을 초과했습니다", "Your quota is used up"),
    ErrorCode.UNAVAILABLE: Text(
        "일시적으로 사용할 수 없습니다. 잠시 후 다시 시도해 주세요",
        "Temporarily unavailable. Please try again in a moment",
    ),
    ErrorCode.INTERNAL: Text("서버 오류가 발생했습니다", "Something went wrong on our side"),
}
"""The message of each error code, for errors without a more exact one."""

_ERRORS: Mapping[type[OrakError], Text] = {
    EndpointNotFound: Text("웹훅을 찾을 수 없습니다: {endpoint_id}", "Webhook not found: {endpoint_id}"),
    DeliveryNotFound: Text(
        "전송 기록을 찾을 수 없습니다: {delivery_id}", "Delivery not found: {delivery_id}"
    ),
    UploadNotFound: Text("업로드를 찾을 수 없습니다: {upload_id}", "Upload not found: {upload_id}"),
    SongNotFound: Text("노래를 찾을 수 없습니다: {song_id}", "Song not found: {song_id}"),
    RecordNotFound: Text("Record not found: {record_id}", "Record not found: {record_id}"),
    RecordExists: Text(
        "이미 Record가 존재하는 업로드입니다: {upload_id}", "This upload already has a Record: {upload_id}"
    ),
    PermissionDenied: Text(
        "Permission denied for record: {record_id}, user: {user_id}",
        "Permission denied for record: {record_id}, user: {user_id}",
    ),
    AdminRequired: Text(
        "운영자만 사용할 수 있습니다 (scope: admin)", "Only operators may do this (scope: admin)"
    ),
    SongsOfApp: Text("노래는 앱에서 관리합니다", "The app manages the songs"),
    UserUnknown: Text(
        "앱에 등록되지 않은 사용자입니다: {user_id}", "The app has no user with this id: {user_id}"
    ),
    InvalidSignature: Text(
        "서명이 올바르지 않거나 만료되었습니다", "The signature is invalid or has expired"
    ),
    ObjectExists: Text("이미 업로드된 파일입니다", "The file is already uploaded"),
    LengthMismatch: Text(
        "본문의 길이가 서명된 길이와 다릅니다",
        "The length of the body differs from the signed length; nothing was stored",
    ),
}

_WRONG_STATES: Mapping[WrongState, Text] = {
    WrongState.UPLOAD_FAILED: Text("실패한 업로드입니다: {upload_id}", "The upload failed: {upload_id}"),
    WrongState.UPLOAD_CANCELLED: Text(
        "취소된 업로드입니다: {upload_id}", "The upload was cancelled: {upload_id}"
    ),
    WrongState.NOT_CANCELLABLE: Text(
        "취소할 수 없는 업로드입니다: {upload_id}", "The upload can no longer be cancelled: {upload_id}"
    ),
    WrongState.NOT_FAILED: Text(
        "실패한 녹음만 다시 시도할 수 있습니다", "Only a failed recording can be retried"
    ),
    WrongState.OBJECT_GONE: Text(
        "원본 파일이 존재하지 않아 다시 시도할 수 없습니다",
        "The original file does not exist, so the conversion cannot be retried",
    ),
    WrongState.NOT_RETRYABLE: Text(
        "다시 시도해도 이 파일은 변환할 수 없습니다", "Another attempt could not convert this file either"
    ),
    WrongState.NOT_AWAITED: Text(
        "더 이상 파일을 받을 수 없는 업로드입니다: {upload_id}",
        "This upload no longer accepts a file: {upload_id}",
    ),
}

_PROBLEMS: Mapping[ProblemCode, Text] = {
    ProblemCode.REQUIRED: Text("{field} 필수입니다", "{field} is required"),
    ProblemCode.TOO_LONG: Text(
        "{field} {limit}자를 넘을 수 없습니다", "{field} must have at most {limit} characters"
    ),
    ProblemCode.TOO_LARGE: Text("{field} {limit}보다 클 수 없습니다", "{field} must be at most {limit}"),
    ProblemCode.NOT_POSITIVE: Text("{field} 0보다 커야 합니다", "{field} must be greater than 0"),
    ProblemCode.NOT_PUBLIC: Text("{field} 공개된 주소가 아닙니다", "{field} is not a public address"),
    ProblemCode.INVALID: Text("{field} 올바르지 않습니다", "{field} is not valid"),
    ProblemCode.INVALID_CHARACTER: Text(
        "{field} 사용할 수 없는 문자를 포함하고 있습니다", "{field} contains a character that is not allowed"
    ),
    ProblemCode.UNSUPPORTED_TYPE: Text(
        "지원하지 않는 오디오 형식의 {noun}입니다. 지원 형식: {accepted}",
        "{field} is not of a supported audio type. Supported: {accepted}",
    ),
    ProblemCode.UNKNOWN_FIELD: Text("알 수 없는 필드입니다: {name}", "Unknown field: {name}"),
    ProblemCode.MALFORMED: Text("{field} 읽을 수 없는 형식입니다", "{field} cannot be read"),
}

_FIELDS: Mapping[str, Text] = {
    "title": Text("제목은", "The title"),
    "uploadId": Text("업로드 ID는", "The upload ID"),
    "songId": Text("노래 ID는", "The song ID"),
    "originalFilename": Text("파일 이름은", "The file name"),
    "fileSize": Text("파일 크기는", "The file size"),
    "contentType": Text("콘텐츠 타입은", "The content type"),
    "durationSeconds": Text("재생 시간은", "The duration"),
    "size": Text("배치 크기는", "The batch size"),
    "body": Text("요청 본문은", "The request body"),
    "request": Text("요청은", "The request"),
    "headers": Text("요청 헤더는", "The size of the request headers"),
    "Host": Text("Host 헤더는", "The Host header"),
    "query": Text("쿼리 문자열은", "The query string"),
}
"""Fields as the subject of a sentence. The Korean particle depends on the last sound of the word."""

_FAILURES: Mapping[FailureCode, Text] = {
    FailureCode.UNSUPPORTED_FORMAT: Text(
        "지원하지 않는 파일 형식입니다", "This file format is not supported"
    ),
    FailureCode.NO_AUDIO_STREAM: Text("파일에 오디오가 없습니다", "The file contains no audio"),
    FailureCode.CORRUPT: Text("파일이 손상되었습니다", "The file is damaged"),
    FailureCode.EMPTY_AUDIO: Text("녹음된 소리가 없습니다", "The recording is empty"),
    FailureCode.DURATION_EXCEEDED: Text("녹음이 너무 깁니다", "The recording is too long"),
    FailureCode.SIZE_MISMATCH: Text(
        "업로드된 파일의 크기가 요청과 다릅니다",
        "The size of the uploaded file differs from the declared size",
    ),
    FailureCode.TYPE_MISMATCH: Text(
        "업로드된 파일의 형식이 요청과 다릅니다",
        "The type of the uploaded file differs from the declared type",
    ),
    FailureCode.DECODER_CRASHED: Text("파일을 변환할 수 없습니다", "The file could not be converted"),
    FailureCode.RESOURCE_LIMIT: Text(
        "변환에 너무 많은 리소스가 필요합니다", "Converting the file needs too many resources"
    ),
    FailureCode.UPLOAD_EXPIRED: Text(
        "업로드가 제시간에 완료되지 않았습니다", "The file was not uploaded in time"
    ),
    FailureCode.UPLOAD_CANCELLED: Text("업로드가 취소되었습니다", "The upload was cancelled"),
    FailureCode.FAILED_TOO_OFTEN: Text("변환에 여러 번 실패했습니다", "The conversion failed too many times"),
}

_PARTS: Mapping[str, Text] = {
    "database": Text(
        "데이터베이스가 응답하지 않거나 쓰기를 받지 않습니다",
        "The database does not answer, or takes no writes",
    ),
    "storage": Text("저장소가 응답하지 않습니다", "The storage does not answer"),
    "disk": Text("데이터 폴더의 디스크에 쓸 수 없습니다", "The disk of the data folder takes no files"),
    "clock": Text(
        "시계가 저장소의 시계와 5분 이상 다릅니다",
        "The clock differs by 5 minutes or more from that of the storage",
    ),
    "shutdown": Text("서버가 종료를 준비하고 있습니다", "The server is shutting down"),
}


def general_text(code: ErrorCode, language: Language) -> str:
    """Return the message of an error code."""
    return _GENERAL[code].translated(language)


def error_text(error: Exception, language: Language) -> str | None:
    """Return the message of an error, or None if that of its code says everything."""
    text = _WRONG_STATES[error.why] if isinstance(error, StateConflict) else None
    if isinstance(error, OrakError):
        text = text or _ERRORS.get(type(error))
    if text is None:
        return None
    parameters = {name: "null" if value is None else value for name, value in vars(error).items()}
    return text.translated(language).format_map(parameters)


def problem_text(problem: Problem, language: Language) -> str:
    """Return a sentence about what is wrong with a field."""
    field = _FIELDS.get(problem.field, Text(f"{problem.field} 값은", problem.field)).translated(language)
    template = _PROBLEMS[problem.code].translated(language)
    noun = field.removesuffix("은").removesuffix("는")  # without the subject particle
    accepted = ", ".join(problem.accepted)
    return template.format(field=field, noun=noun, name=problem.field, limit=problem.limit, accepted=accepted)


def failure_text(failure: FailureCode, language: Language) -> str:
    """Return a sentence about why a conversion failed."""
    return _FAILURES[failure].translated(language)


def part_text(part: str, language: Language) -> str:
    """Return a sentence about a part of orak that does not work."""
    return _PARTS.get(part, Text(f"{part}: 응답하지 않습니다", f"{part} does not answer")).translated(
        language
    )
