"""Readers while Redis stands still: its connections are open, and nothing answers on them."""

import time

import httpx
import pytest
from http_api import presign
from test_http_in_production import served

from audio_samples import chord, write

DEADLINE = 10


async def a_finished_take(singer, content):
    signed = await presign(singer, fileSize=len(content))
    await singer.put(signed["presignedUrl"], content=content, headers=signed["headers"])
    body = {"title": "before", "uploadId": signed["uploadId"]}
    answer = await singer.post("/records/async", json=body, headers={"Prefer": "wait=10"})
    assert answer.json()["processingStatus"] == "COMPLETED"
    return f"/records/async/{answer.json()['id']}"


async def asked(singer: httpx.AsyncClient, path: str) -> httpx.Response:
    """Return the answer, which came within a second."""
    began = time.monotonic()
    answer = await singer.get(path)
    assert time.monotonic() - began < 1
    return answer


@pytest.fixture
async def singer(tmp_path, own_redis):
    async with served(tmp_path / "data", redis_url=own_redis.url, immediate_slots=1) as singer:
        yield singer


async def test_what_is_read_is_right_and_soon_there_while_redis_stands_still_and_after(
    singer,
    own_redis,
    tmp_path,
):
    content = write(tmp_path / "take.webm", chord(), 0.2).read_bytes()
    kept, renamed, deleted = [await a_finished_take(singer, content) for _ in range(3)]
    for path in (kept, renamed, deleted):
        assert (await asked(singer, path)).json()["title"] == "before"
    with own_redis.client() as client:
        assert len(client.keys()) >= 3  # they are in the cache
    own_redis.freeze()
    try:
        assert (await asked(singer, kept)).json()["title"] == "before"
        changed = await singer.patch(renamed, json={"title": "after"})
        assert changed.json()["title"] == "after"
        assert (await singer.delete(deleted)).status_code == 204
        for _ in range(5):
            assert (await asked(singer, kept)).json()["title"] == "before"
            assert (await asked(singer, renamed)).json()["title"] == "after"
            assert (await asked(singer, deleted)).status_code == 404
        assert (await asked(singer, "/records/async/me")).json()[0]["title"] == "after"
    finally:
        own_redis.thaw()
    deadline = time.monotonic() + DEADLINE
    while (await singer.get("/health/ready")).json() != {"status": "ready"}:
        assert time.monotonic() < deadline
    assert (await asked(singer, renamed)).json()["title"] == "after"
    assert (await asked(singer, deleted)).status_code == 404
