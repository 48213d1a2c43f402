"""The application as `orak serve` runs it: SQLite, the local disk, a real clock, real conversion."""

import asyncio

import pytest

from audio_samples import chord, write
from http_api import create_record, presign, refusal, upload
from served import in_process


@pytest.fixture
async def owner(tmp_path):
    async with in_process(tmp_path, immediate_slots=0) as client:
        yield client


async def test_from_presign_to_playback(tmp_path):
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    async with in_process(tmp_path / "data", immediate_slots=1) as owner:
        signed = await presign(owner, fileSize=len(content), contentType="audio/webm;codecs=opus")
        answer = await owner.put(signed["presignedUrl"], content=content, headers=signed["headers"])
        assert answer.status_code == 200
        answer = await owner.post(
            "/records/async",
            json={"title": "첫 노래", "uploadId": signed["uploadId"]},
            headers={"Prefer": "wait=10"},
        )
        assert answer.headers["preference-applied"] == "wait=10"
        record = answer.json()
        assert record["processingStatus"] == "COMPLETED"
        assert (record["failure"], record["progress"], record["durationSeconds"]) == (None, 100, 1)
        assert record["loudness"]["truePeakDb"] <= -1
        listened = await owner.get(record["publicUrl"], headers={"Range": "bytes=4-7"})
        assert (listened.status_code, listened.content) == (206, b"ftyp")
        assert listened.headers["content-type"] == "audio/mp4"
        waveform = (await owner.get(record["waveformUrl"])).json()
        assert (waveform["version"], len(waveform["peaks"])) == (1, 800)
        etag = (await owner.get(f"/records/async/{record['id']}")).headers["etag"]
        again = await owner.get(f"/records/async/{record['id']}", headers={"If-None-Match": etag})
        assert again.status_code == 304


async def test_a_file_without_audio_fails_with_a_code(tmp_path):
    async with in_process(tmp_path, immediate_slots=1) as owner:
        signed = await upload(owner, b"a text that claims to be audio")
        answer = await owner.post(
            "/records/async",
            json={"title": "t", "uploadId": signed["uploadId"]},
            headers={"Prefer": "wait=10", "Accept-Language": "en"},
        )
        assert answer.status_code == 200
        assert answer.json()["failure"] == {
            "code": "UNSUPPORTED_FORMAT",
            "message": "This file format is not supported",
            "retryable": False,
        }


async def test_of_fifty_concurrent_creates_one_succeeds(owner):
    signed = await upload(owner)
    body = {"title": "t", "uploadId": signed["uploadId"]}
    answers = await asyncio.gather(*(owner.post("/records/async", json=body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    for answer in answers:
        if answer.status_code == 409:
            assert refusal(answer) == (409, "RECORD_OPERATION_FAILED")
            message = answer.json()["error"]["message"]
            assert message == f"이미 Record가 존재하는 업로드입니다: {signed['uploadId']}"


async def test_of_many_concurrent_puts_one_stores_its_bytes(owner):
    signed = await presign(owner)
    answers = await asyncio.gather(
        *(
            owner.put(signed["presignedUrl"], content=content, headers=signed["headers"])
            for content in (b"abc", b"xyz", b"123", b"...")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_a_deleted_record_takes_its_upload_with_it(owner):
    record = await create_record(owner, await upload(owner))
    path = f"/records/async/{record['id']}"
    assert (await owner.patch(path, json={"title": "둘째"})).json()["title"] == "둘째"
    assert [one["id"] for one in (await owner.get("/records/async/me?limit=1")).json()] == [record["id"]]
    assert (await owner.delete(path)).status_code == 204
    assert refusal(await owner.get(path)) == (404, "RECORD_NOT_FOUND")
    upload_path = f"/records/async/uploads/{record['uploadId']}"
    assert refusal(await owner.get(upload_path)) == (404, "RECORD_OPERATION_FAILED")


async def test_the_service_is_ready(owner):
    assert (await owner.get("/health/ready")).json() == {"status": "ready"}


async def test_a_client_can_wait_for_a_queued_conversion(tmp_path):
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    async with in_process(tmp_path / "data", immediate_slots=0, batch_enabled=True) as owner:
        signed = await presign(owner, fileSize=len(content))
        await owner.put(signed["presignedUrl"], content=content, headers=signed["headers"])
        body = {"title": "t", "uploadId": signed["uploadId"]}
        answer = await owner.post("/records/async", json=body, headers={"Prefer": "wait=10"})
        assert answer.headers["preference-applied"] == "wait=10"
        assert answer.json()["processingStatus"] == "COMPLETED"


async def test_a_create_waits_neither_by_default_nor_for_missing_bytes(owner):
    async with asyncio.timeout(5):
        assert (await create_record(owner, await upload(owner)))["processingStatus"] == "PROCESSING"
        body = {"title": "t", "uploadId": (await presign(owner))["uploadId"]}
        answer = await owner.post("/records/async", json=body, headers={"Prefer": "wait=10"})
    assert (answer.status_code, answer.headers.get("preference-applied")) == (200, None)
