"""The application on a real socket: framing, hang-ups and the log depend on the server too."""

import asyncio
import json
import logging
from urllib.parse import urlsplit

import pytest

from http_api import create_record, presign, refusal
from served import DEADLINE, on_server, served


@pytest.fixture
async def server_and_owner(tmp_path):
    async with served(tmp_path) as (server, client):
        yield server, client


async def test_one_connection_serves_every_kind_of_answer(server_and_owner, caplog):
    caplog.set_level(logging.INFO)
    server, owner = server_and_owner
    signed = on_server(server, await presign(owner, originalFilename="엄마.webm"))
    answer = await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200
    answer = await owner.put(signed["presignedUrl"], content=b"xyz", headers=signed["headers"])
    assert refusal(answer) == (412, "PRECONDITION_FAILED")
    record = await create_record(owner, signed)
    path = f"/records/async/{record['id']}"
    first = await owner.get(path)
    assert (await owner.get(path, headers={"If-None-Match": first.headers["etag"]})).status_code == 304
    assert refusal(await owner.get("/records/async/%D9%A1")) == (404, "NOT_FOUND")
    assert refusal(await owner.post("/records/async", content=b" " * 1_000_000)) == (
        413,
        "PAYLOAD_TOO_LARGE",
    )
    assert refusal(await owner.put(path)) == (405, "METHOD_NOT_ALLOWED")
    assert (await owner.delete(path)).status_code == 204
    assert (await owner.get("/health/live")).json() == {"status": "live"}
    assert "server" not in answer.headers
    written = "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert f"GET {path} 304" in written
    for secret in ("signature", "엄마", "%EC%97%84", owner.headers["authorization"]):
        assert secret not in written


async def test_the_url_stays_valid_after_a_chunked_or_cut_off_put(server_and_owner):
    server, owner = server_and_owner
    signed = on_server(server, await presign(owner))

    async def chunks():
        yield b"abc"

    answer = await owner.put(signed["presignedUrl"], content=chunks(), headers=signed["headers"])
    assert refusal(answer) == (400, "VALIDATION_FAILED")

    url = urlsplit(signed["presignedUrl"])
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Type: audio/webm\r\n"
    writer.write(f"{head}Content-Length: 3\r\n\r\na".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    answer = await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200


async def half_sent(server, owner, method, target, length):
    """Send a request up to the first byte of its body; return the connection when the server reads it."""
    reader, writer = await asyncio.open_connection(*server.address)
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {owner.headers['authorization']}\r\n"
    head += f"Content-Type: audio/webm\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    writer.write(head.encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{")
    return reader, writer


async def test_shutdown_ends_the_wait_for_the_rest_of_a_body(server_and_owner):
    server, owner = server_and_owner
    signed = await presign(owner)
    url = urlsplit(signed["presignedUrl"])
    sent = [
        await half_sent(server, owner, "POST", "/records/async", 9),
        await half_sent(server, owner, "PUT", f"{url.path}?{url.query}", 3),
    ]
    server.config.app.state.running.end_waits()
    for reader, writer in sent:
        async with asyncio.timeout(3):
            answer = await reader.read()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 4" in head.lower()
        assert b"connection: close" in head.lower()
        assert json.loads(body)["error"]["code"] == "UNAVAILABLE"
        writer.close()
        await writer.wait_closed()
    assert (await owner.post("/records/async", json={})).status_code == 400  # a complete body is read


async def test_shutdown_ends_the_wait_for_a_queued_conversion(server_and_owner):
    server, owner = server_and_owner
    signed = on_server(server, await presign(owner))
    await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    body = {"title": "t", "uploadId": signed["uploadId"]}
    waiting = asyncio.create_task(
        owner.post("/records/async", json=body, headers={"Prefer": "wait=10"}, timeout=5)
    )
    async with asyncio.timeout(DEADLINE):
        while (await owner.get("/records/async/1")).status_code != 200:
            pass
    server.config.app.state.running.end_waits()
    answer = await waiting
    assert (answer.status_code, answer.headers.get("preference-applied")) == (200, None)
    assert answer.json()["processingStatus"] == "PROCESSING"


async def test_a_stopped_server_releases_its_data_for_the_next(tmp_path):
    async with served(tmp_path) as (_, owner):
        await presign(owner)
    async with served(tmp_path) as (_, owner):
        assert (await owner.get("/records/async/uploads/1")).status_code == 200
