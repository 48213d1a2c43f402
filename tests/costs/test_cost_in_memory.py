"""What one call holds in memory at most, while the interpreter is warm."""

import asyncio
import gc
import tracemalloc

from http_api import an_api, create_record, presign, upload

_RECORDS = 50
_BYTES_A_RECORD = 3_500
"""Twice of what was measured. A record is 340 bytes in the answer."""

_BYTES_A_REQUEST = 36_000
"""Twice of what was measured, for the request, the answer and the client's objects."""


async def test_a_list_holds_little_beside_its_answer(on_sqlite):
    for _ in range(_RECORDS):
        await create_record(on_sqlite, await upload(on_sqlite))
    path = "/records/async/me?limit=50"
    for _ in range(3):
        answer = await on_sqlite.get(path)
    assert len(answer.json()) == _RECORDS
    tracemalloc.start()
    try:
        await on_sqlite.get(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _RECORDS * _BYTES_A_RECORD


async def test_requests_that_wait_hold_little_each(on_sqlite):
    await asyncio.gather(*(presign(on_sqlite) for _ in range(64)))
    tracemalloc.start()
    try:
        await asyncio.gather(*(presign(on_sqlite) for _ in range(64)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / 64 < _BYTES_A_REQUEST


async def test_requests_leave_nothing_to_the_cyclic_garbage_collector(caplog):
    """Reference cycles cost collections, and keep tokens in memory until the next one."""
    caplog.set_level("WARNING")  # the fixture would keep the lines of the access log

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message):
        pass

    async with an_api() as api:
        headers = [(b"host", b"orak.test"), (b"authorization", f"Bearer {api.token(1)}".encode())]
        for path in ("/health/live", "/records/async/me", "/records/async/4711"):
            scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
            await api.app(scope | {"state": {}}, receive, send)
            gc.collect()
            for _ in range(100):
                await api.app(scope | {"state": {}}, receive, send)
            assert gc.collect() < 100, path
