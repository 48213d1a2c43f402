"""The calls of the original app's documentation, byte for byte as curl sends them."""

import re
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from served import caller as client_of
from served import served

PRESIGN = b"originalFilename=my-recording.mp3&fileSize=2048000&contentType=audio/mpeg&durationSeconds=180"
CREATE = """{
    "title": "내 첫 번째 녹음",
    "uploadId": 12345,
    "songId": 67890,
    "durationSeconds": 180
  }""".encode()
WHOLE_SECONDS = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
FIELDS = (
    *("id", "title", "userId", "songId", "uploadId", "durationSeconds", "processingStatus", "s3Key"),
    *("publicUrl", "createdAt", "updatedAt"),
)


@pytest.fixture
async def caller(tmp_path):
    """User 123, whose next upload is 12345 and whose next record is 98765."""
    async with served(tmp_path) as (server, _), client_of(server, 123) as client:
        with closing(sqlite3.connect(tmp_path / "orak.db")) as connection, connection:
            connection.execute("INSERT INTO songs (id) VALUES (67890)")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('uploads', 12344), ('records', 98764)")
        yield client


async def presigned(caller):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await caller.post("/records/async/presigned-url", content=PRESIGN, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def created(caller):
    headers = {"Content-Type": "application/json"}
    answer = await caller.post("/records/async", content=CREATE, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_presigned_url_has_the_documented_answer(caller):
    signed = await presigned(caller)
    assert list(signed)[:4] == ["uploadId", "presignedUrl", "s3Key", "expirationTime"]
    assert signed["uploadId"] == 12345
    assert re.fullmatch(r"recordings/[-0-9a-f]{36}_my-recording\.mp3", signed["s3Key"])
    assert re.fullmatch(WHOLE_SECONDS, signed["expirationTime"])


async def test_a_record_has_the_documented_answer_from_its_creation_to_its_deletion(caller):
    signed = await presigned(caller)
    url = urlsplit(signed["presignedUrl"])  # signed for the configured port, which is 0
    answer = await caller.put(
        f"{url.path}?{url.query}", content=b"m" * 2048000, headers={"Content-Type": "audio/mpeg"}
    )
    assert answer.status_code == 200, answer.text
    record = await created(caller)
    assert tuple(record)[: len(FIELDS)] == FIELDS
    created_at, updated_at = record["createdAt"], record["updatedAt"]
    assert re.fullmatch(WHOLE_SECONDS, created_at)
    assert re.fullmatch(WHOLE_SECONDS, updated_at)
    assert {name: record[name] for name in FIELDS[:9]} == {
        "id": 98765,
        "title": "내 첫 번째 녹음",
        "userId": 123,
        "songId": 67890,
        "uploadId": 12345,
        "durationSeconds": 180,
        "processingStatus": "PROCESSING",
        "s3Key": signed["s3Key"],
        "publicUrl": None,
    }
    assert (await caller.get("/records/async/98765")).json() == record
    assert (await caller.get("/records/async/me")).json() == [record]
    answer = await caller.delete("/records/async/98765")
    assert (answer.status_code, answer.content) == (204, b"")
    error = (await caller.get("/records/async/98765")).json()["error"]
    assert (error["code"], error["message"]) == ("RECORD_NOT_FOUND", "Record not found: 98765")
    assert re.fullmatch(WHOLE_SECONDS, error["timestamp"])


async def test_a_record_may_be_created_before_its_bytes_arrive(caller):
    await presigned(caller)
    assert (await created(caller))["processingStatus"] == "PROCESSING"
