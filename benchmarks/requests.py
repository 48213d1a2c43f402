"""The calls that are measured, and the checks of their answers."""

import json
import time
from datetime import datetime
from itertools import count
from urllib.parse import parse_qs, urlsplit

import jwt

from benchmarks.load import Load, Make, Request, post
from benchmarks.servers import SECRET, Server
from s3_servers import KEYS

USER = 7
TOKEN = jwt.encode({"sub": str(USER), "exp": int(time.time()) + 86_400}, SECRET, "HS256")
CONTENT_TYPE = "audio/webm"
TITLE = "첫 노래"

_UPLOAD = {"fileSize": 3, "contentType": CONTENT_TYPE}
_number = count()


def file_name() -> str:
    """Return a file name that no other request has."""
    return f"recording {next(_number)}.webm"


def presigns(requests: int) -> list[Request]:
    """Return requests for presigned URLs, each with its own file name."""
    path = "/records/async/presigned-url"
    return [post(path, originalFilename=file_name(), **_UPLOAD) for _ in range(requests)]


def gets(records: list[int]) -> Make:
    """Return a maker of requests for *records*, one after the other."""

    def make(requests: int) -> list[Request]:
        return [
            Request("GET", f"/records/async/{records[place % len(records)]}") for place in range(requests)
        ]

    return make


def lists(requests: int) -> list[Request]:
    """Return requests for the first page of 50 records."""
    return [Request("GET", "/records/async/me?limit=50")] * requests


def check_presigned(_server: Server, load: Load) -> None:
    """Check that each answer has its own upload and key, and a URL signed for this key and bucket."""
    answers = [json.loads(body) for body in load.answers]
    assert len({answer["uploadId"] for answer in answers}) == len(answers) > 1
    assert len({answer["s3Key"] for answer in answers}) == len(answers)
    for answer in answers:
        url = urlsplit(answer["presignedUrl"])
        query = parse_qs(url.query)
        assert len(query["X-Amz-Signature"][0]) == 64
        assert query["X-Amz-Credential"][0].startswith(KEYS.access_key + "/")
        assert "content-type" in query["X-Amz-SignedHeaders"][0]
        folder, _, name = answer["s3Key"].partition("/")
        assert folder == "recordings"
        assert name.endswith(".webm")
        assert f"/uploads/recordings/{name[:36]}" in url.path
        assert answer["expirationTime"].endswith("Z")


def check_own(_server: Server, load: Load) -> None:
    """Check that each answer is a record of the caller, with the title and the state that it was given."""
    for record in map(json.loads, load.answers):
        assert record["userId"] == USER
        assert record["title"] == TITLE
        assert record["processingStatus"] == "PROCESSING"
        assert record["s3Key"].startswith("recordings/")


def check_page(_server: Server, load: Load) -> None:
    """Check that each answer is a full page of the caller's records, the newest first."""
    for page in map(json.loads, load.answers):
        times = [datetime.fromisoformat(record["createdAt"]) for record in page]
        assert len({record["id"] for record in page}) == len(page) == 50
        assert times == sorted(times, reverse=True)
        assert all(record["userId"] == USER for record in page)
