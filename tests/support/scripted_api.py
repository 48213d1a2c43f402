"""An API that answers with prepared responses, for tests of clients."""

import httpx

_NOW = "2024-01-01T12:00:00Z"

RECORD = {
    "id": 1,
    "title": "한 곡",
    "userId": 1,
    "songId": None,
    "uploadId": 1,
    "durationSeconds": None,
    "processingStatus": "PROCESSING",
    "s3Key": "recordings/x.webm",
    "publicUrl": None,
    "createdAt": _NOW,
    "updatedAt": _NOW,
    "failure": None,
    "waveformUrl": None,
    "loudness": None,
    "progress": 0,
    "aFutureField": {},
}
"""A record as the API returns it, with a field that this version of the client does not know."""


class ScriptedApi:
    """Handler for `httpx.MockTransport`: gives the prepared answers in turn and keeps the requests.

    An answer is a response, a status, or an exception to raise.
    """

    def __init__(self, *answers) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer) if isinstance(answer, int) else answer
