"""What one call holds in memory at most, while the interpreter is warm."""

import asyncio
import tracemalloc

from http_api import create_record, presign, upload

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
