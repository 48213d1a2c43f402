"""The application as `orak serve` runs it beside an S3 server: SQLite, a real bucket, real conversion."""

from contextlib import asynccontextmanager

import httpx
import pytest

from audio_samples import chord, write
from http_api import presign, refusal
from orak.application.ports.public_media import IMMUTABLE
from orak.client import AsyncOrakClient
from s3_servers import KEYS, an_s3_server
from served import a_token, in_process, served
from store_fronts import a_front, conditional_puts


def settings_of(bucket):
    return {
        "s3_bucket_name": bucket.bucket,
        "s3_endpoint_url": bucket.endpoint_url,
        "aws_access_key_id": KEYS.access_key,
        "aws_secret_access_key": KEYS.secret_key,
        "immediate_slots": 1,
    }


@asynccontextmanager
async def served_on(bucket, data_dir):
    async with in_process(data_dir, **settings_of(bucket)) as owner, httpx.AsyncClient() as anonymous:
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


@pytest.fixture
async def waveform_url(callers, tmp_path):
    """Return the waveform's URL of a converted record."""
    owner, anonymous = callers
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    signed = await presign(owner, fileSize=len(content))
    await anonymous.put(signed["presignedUrl"], content=content, headers=signed["headers"])
    answer = await owner.post(
        "/records/async",
        json={"title": "t", "uploadId": signed["uploadId"]},
        headers={"Prefer": "wait=10"},
    )
    return answer.json()["waveformUrl"]


async def test_orak_sends_the_waveform_itself(callers, waveform_url):
    owner, _ = callers
    page = {"Origin": "https://app.example.com"}
    answer = await owner.get(waveform_url, headers=page)
    assert (answer.status_code, len(answer.json()["peaks"])) == (200, 800)
    etag = answer.headers["etag"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == IMMUTABLE
    head = await owner.head(waveform_url, headers=page)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))
    part = await owner.get(waveform_url, headers=page | {"Range": "bytes=2-8"})
    assert (part.status_code, part.content) == (206, answer.content[2:9])
    outside = await owner.get(waveform_url, headers=page | {"Range": "bytes=9999999-"})
    assert refusal(outside) == (416, "RANGE_NOT_SATISFIABLE")
    known = await owner.get(waveform_url, headers=page | {"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    missing = await owner.get(waveform_url.replace(".json", "_.json"), headers=page)
    assert refusal(missing) == (404, "NOT_FOUND")
    for found in (answer, head, part, outside, known, missing):
        assert found.headers["access-control-allow-origin"] == "*"


async def test_signed_urls_of_local_storage_do_not_exist(callers):
    owner, _ = callers
    assert refusal(await owner.get("/storage/recordings/x?signature=x")) == (404, "NOT_FOUND")
    assert refusal(await owner.put("/storage/recordings/x?signature=x")) == (404, "NOT_FOUND")


async def test_only_public_objects_are_redirected_to(callers):
    owner, _ = callers
    for path in ("/media/recordings/x", "/media/x", "/media/published/../recordings/x", "/media/published/"):
        assert (await owner.get(path)).status_code == 404


async def test_the_python_client_uploads_to_a_store_without_conditional_puts(s3_server, tmp_path):
    take = write(tmp_path / "take.webm", chord(), 1.0)
    with a_front(s3_server.port, refuses=conditional_puts) as front:
        bucket = front.before(s3_server.new_bucket())
        async with (
            served(tmp_path / "data", **settings_of(bucket)) as (server, _),
            AsyncOrakClient(server.url, a_token()) as orak,
        ):
            record = await orak.upload(take, "첫 노래", wait=60)
    assert (record.processing_status, record.failure) == ("COMPLETED", None)


async def test_create_only_is_signed_where_the_store_enforces_it(s3_server, tmp_path):
    with a_front(s3_server.port, enforces_create_only=True) as front:
        async with served_on(front.before(s3_server.new_bucket()), tmp_path / "data") as (owner, anonymous):
            signed = await presign(owner, createOnly=True)
            assert signed["headers"]["If-None-Match"] == "*"
            assert "If-None-Match" not in (await presign(owner))["headers"]
            statuses = [
                (
                    await anonymous.put(signed["presignedUrl"], content=body, headers=signed["headers"])
                ).status_code
                for body in (b"abc", b"xyz")
            ]
    assert statuses == [200, 412]


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
            waveform = await owner.get("/media/published/u/1_x.json", headers={"Origin": "https://x.example"})
            assert refusal(waveform) == (503, "UNAVAILABLE")
            assert waveform.headers["access-control-allow-origin"] == "*"
            named = await owner.post("/records/async", json={"title": "t", "uploadId": signed["uploadId"]})
            assert (named.status_code, named.json()["processingStatus"]) == (200, "PROCESSING")
