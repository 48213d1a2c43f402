"""Good answers and requests, as the OpenAPI document shows them; a test holds them against the shapes."""

from collections.abc import Mapping

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
        "updatedAt": "2024-01-01T12:00:00Z",
        "failure": None,
        "waveformUrl": f"https://cdn.example.com/published/{_UUID}/1_take.json",
        "loudness": {"inputLufs": -23.4, "outputLufs": -14.0, "truePeakDb": -1.2},
        "progress": 100,
    },
    "NewUpload": {
        "originalFilename": "take.webm",
        "fileSize": 1048576,
        "contentType": "audio/webm;codecs=opus",
        "durationSeconds": 184,
        "createOnly": True,
    },
    "NewRecord": {"title": "첫 노래", "uploadId": 4711, "songId": 815},
    "RecordChange": {"title": "둘째 노래"},
}
