"""The application as `orak serve` runs it beside an S3 server: SQLite, a real bucket, real conversion."""

from contextlib import asynccontextmanager

import httpx
import pytest

from audio_samples import chord, write
from http_api import presign, refusal
from s3_servers import KEYS, an_s3_server
from served import in_process


@asynccontextmanager
async def served_on(bucket, data_dir):
    on_s3 = {
        "s3_bucket_name": bucket.bucket,
        "s3_endpoint_url": bucket.endpoint_url,
        "aws_access_key_id": KEYS.access_key,
        "aws_secret_access_key": KEYS.secret_key,
    }
    async with in_process(data_dir, immediate_slots=1, **on_s3) as owner, httpx.AsyncClient() as anonymous:
        yield owner, anonymous


@pytest.fixture
async def callers(s3_server, tmp_path):
    async with served_on(s3_server.new_bucket(), tmp_path / "data") as callers:
        yield callers


async def test_from_presign_to_playback_on_s3(callers, tmp_path):
    owner, anonymous = callers
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    signed = await presign(owner, fileSize=len(content), contentType="audio/webm;codecs=opus")
    sent = await anonymous.put(signed["presignedUrl"], content=content, headers=signed["headers"])
    assert sent.status_code == 200
    answer = await owner.post(
        "/records/async",
        json={"title": "첫 노래", "uploadId": signed["uploadId"]},
        headers={"Prefer": "wait=10"},
    )
    record = answer.json()
    assert (record["processingStatus"], record["failure"]) == ("COMPLETED", None)
    redirect = await owner.get(record["publicUrl"])
    assert redirect.status_code == 307
    assert redirect.headers["cache-control"] == "public, max-age=300"
    listened = await anonymous.get(redirect.headers["location"])
    assert (listened.status_code, listened.content[4:8]) == (200, b"ftyp")
    assert listened.headers["content-type"] == "audio/mp4"
    looked = await anonymous.head((await owner.head(record["publicUrl"])).headers["location"])
    assert int(looked.headers["content-length"]) == len(listened.content)
    waveform = await anonymous.get((await owner.get(record["waveformUrl"])).headers["location"])
    assert len(waveform.json()["peaks"]) == 800


async def test_signed_urls_of_local_storage_do_not_exist(callers):
    owner, _ = callers
    assert refusal(await owner.get("/storage/recordings/x?signature=x")) == (404, "NOT_FOUND")
    assert refusal(await owner.put("/storage/recordings/x?signature=x")) == (404, "NOT_FOUND")


async def test_only_public_objects_are_redirected_to(callers):
    owner, _ = callers
    for path in ("/media/recordings/x", "/media/x", "/media/published/../recordings/x", "/media/published/"):
        assert (await owner.get(path)).status_code == 404


async def test_readiness_names_unavailable_storage_and_recovers_with_it(tmp_path):
    (tmp_path / "server").mkdir()
    with an_s3_server(tmp_path / "server") as server:
        bucket = server.new_bucket()
        server.kill()
        async with served_on(bucket, tmp_path / "data") as (owner, _):
            down = await owner.get("/health/ready")
            assert refusal(down) == (503, "UNAVAILABLE")
            assert [detail["field"] for detail in down.json()["error"]["details"]] == ["storage"]
            assert (await owner.get("/health/live")).status_code == 200
            signed = await presign(owner)
            server.start()
            assert (await owner.get("/health/ready")).json() == {"status": "ready"}
            server.kill()
            assert refusal(await owner.get("/health/ready")) == (503, "UNAVAILABLE")
            named = await owner.post("/records/async", json={"title": "t", "uploadId": signed["uploadId"]})
            assert (named.status_code, named.json()["processingStatus"]) == (200, "PROCESSING")
