"""Examples of answers in the OpenAPI document. A test checks them against the views."""

from collections.abc import Mapping

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import general_text

_UUID = "4f9c2f1e-0b0e-4c39-9c5e-5f1f6f0c7b11"

EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "SignedUploadView": {
        "uploadId": 4711,
        "presignedUrl": f"https://orak.example.com/storage/recordings/{_UUID}_take.webm"
        "?expires=1704111300&size=1048576&type=audio%2Fwebm%3Bcodecs%3Dopus&signature=9f2c",
        "s3Key": f"recordings/{_UUID}_take.webm",
        "expirationTime": "2024-01-01T12:15:00Z",
        "method": "PUT",
        "headers": {"Content-Type": "audio/webm;codecs=opus"},
    },
    "UploadView": {
        "uploadId": 4711,
        "recordId": None,
        "processingStatus": "PENDING",
        "s3Key": f"recordings/{_UUID}_take.webm",
        "fileSize": 1048576,
        "contentType": "audio/webm;codecs=opus",
        "createdAt": "2024-01-01T12:00:00Z",
        "expirationTime": "2024-01-01T12:15:00Z",
        "failure": None,
    },
    "RecordView": {
        "id": 12345,
        "title": "첫 노래",
        "userId": 7,
        "songId": 815,
        "uploadId": 4711,
        "durationSeconds": 184,
        "processingStatus": "COMPLETED",
        "s3Key": f"published/{_UUID}/1_take.m4a",
        "publicUrl": f"https://cdn.example.com/published/{_UUID}/1_take.m4a",
        "createdAt": "2024-01-01T12:00:00Z",
        "updatedAt": "2024-01-01T12:00:30Z",
        "failure": None,
        "waveformUrl": f"https://cdn.example.com/published/{_UUID}/1_take.json",
        "loudness": {"inputLufs": -23.4, "outputLufs": -14.0, "truePeakDb": -1.2, "limitedBy": None},
        "progress": 100,
    },
    "BatchSizeView": {"batchSize": 200},
    "TriggeredView": {"status": "triggered"},
    "StatisticsView": {
        "activeJobs": 3,
        "maxConcurrentJobs": 4,
        "processingCount": 3,
        "failedCount": 2,
        "completedCount": 88490,
        "batchEnabled": True,
        "queueDepth": 17,
        "waitingUsers": 5,
        "batchSize": 200,
        "orphanCount": 1,
        "oldestWaitingSeconds": 4.2,
        "relays": [{"reader": "delete-objects", "behind": 0, "deferred": 0, "oldestSeconds": 0.0}],
    },
    "OperatorUploadView": {
        "uploadId": 4711,
        "recordId": 12345,
        "userId": 7,
        "processingStatus": "FAILED",
        "s3Key": f"recordings/{_UUID}_take.webm",
        "fileSize": 1048576,
        "contentType": "audio/webm;codecs=opus",
        "createdAt": "2024-01-01T12:00:00Z",
        "attempt": 1,
        "failures": 1,
        "failure": {"code": "CORRUPT", "message": "파일이 손상되었습니다", "retryable": True},
        "errorMessage": "CORRUPT",
        "failedAt": "2024-01-01T12:00:09Z",
    },
}


def error_example(code: ErrorCode) -> dict[str, object]:
    """Return an example of the error *code*."""
    details: list[dict[str, str]] = []
    if code is ErrorCode.VALIDATION_FAILED:
        details.append({"field": "title", "code": "REQUIRED", "message": "제목은 필수입니다"})
    return {
        "summary": general_text(code, Language.ENGLISH),
        "value": {
            "error": {
                "code": code.value,
                "message": general_text(code, Language.KOREAN),
                "timestamp": "2024-01-01T12:00:00Z",
                "path": "/records/async/12345",
                "requestId": "7f1c2a52c3f04f1e9a4d6f1c2a52c3f0",
                "details": details,
            }
        },
    }
