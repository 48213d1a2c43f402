"""Reads while Redis hangs: its connections are open, and nothing answers on them."""

import time

import httpx
import pytest

from audio_samples import chord, write
from http_api import presign
from served import in_process

DEADLINE = 10
"""Seconds that Redis has to recover."""


async def a_finished_record(owner, content):
    signed = await presign(owner, fileSize=len(content))
    await owner.put(signed["presignedUrl"], content=content, headers=signed["headers"])
    body = {"title": "before", "uploadId": signed["uploadId"]}
    answer = await owner.post("/records/async", json=body, headers={"Prefer": "wait=10"})
    assert answer.json()["processingStatus"] == "COMPLETED"
    return f"/records/async/{answer.json()['id']}"


async def asked(owner: httpx.AsyncClient, path: str) -> httpx.Response:
    """Return the answer; it must arrive within a second."""
    began = time.monotonic()
    answer = await owner.get(path)
    assert time.monotonic() - began < 1
    return answer


@pytest.fixture
async def owner(tmp_path, own_redis):
    async with in_process(tmp_path / "data", redis_url=own_redis.url, immediate_slots=1) as owner:
        yield owner


async def test_reads_stay_correct_and_fast_while_redis_hangs_and_afterwards(
    owner,
    own_redis,
    tmp_path,
):
    content = write(tmp_path / "take.webm", chord(), 0.2).read_bytes()
    kept, renamed, deleted = [await a_finished_record(owner, content) for _ in range(3)]
    for path in (kept, renamed, deleted):
        assert (await asked(owner, path)).json()["title"] == "before"
    with own_redis.client() as client:
        assert len(client.keys()) >= 3  # the records are cached
    own_redis.freeze()
    try:
        assert (await asked(owner, kept)).json()["title"] == "before"
        changed = await owner.patch(renamed, json={"title": "after"})
        assert changed.json()["title"] == "after"
        assert (await owner.delete(deleted)).status_code == 204
        for _ in range(5):
            assert (await asked(owner, kept)).json()["title"] == "before"
            assert (await asked(owner, renamed)).json()["title"] == "after"
            assert (await asked(owner, deleted)).status_code == 404
        assert (await asked(owner, "/records/async/me")).json()[0]["title"] == "after"
    finally:
        own_redis.thaw()
    deadline = time.monotonic() + DEADLINE
    while (await owner.get("/health/ready")).json() != {"status": "ready"}:
        assert time.monotonic() < deadline
    assert (await asked(owner, renamed)).json()["title"] == "after"
    assert (await asked(owner, deleted)).status_code == 404
