"""What one call costs the database. A call that gets slower here does so unseen, so the numbers are exact."""

import asyncio

import httpx

from http_api import create_record, presign, upload
from sqlite_statements import counted_statements


async def _warm(client):
    """Make every connection, prepare every statement, and return a record with its upload."""
    signed = await upload(client)
    record = await create_record(client, signed)
    for _ in range(2):
        await asyncio.gather(*(presign(client) for _ in range(20)))
        await asyncio.gather(*(_get(client, record) for _ in range(20)))
        await asyncio.gather(*(_list(client) for _ in range(20)))
        await asyncio.gather(*[create_record(client, await upload(client)) for _ in range(3)])
    for _ in range(12):  # connections take turns, and calls that go together use only one
        await presign(client)
        await _get(client, record)
        await create_record(client, await presign(client))
        await _list(client)  # reads new records by a second statement, and each only once
    return record


async def _get(client, record):
    answer = await client.get(f"/records/async/{record['id']}")
    assert answer.json()["id"] == record["id"]


async def _list(client):
    answer = await client.get("/records/async/me?limit=50")
    assert answer.status_code == 200


async def test_a_presign_is_one_statement(on_postgresql, postgresql_wire):
    await _warm(on_postgresql)
    with postgresql_wire.counting() as counted:
        await presign(on_postgresql)
    assert len(counted.statements) == 1, counted.statements
    assert counted.round_trips == 1


async def test_presigns_that_wait_share_a_statement(on_postgresql, postgresql_wire):
    await _warm(on_postgresql)
    with postgresql_wire.counting() as counted:
        await asyncio.gather(*(presign(on_postgresql) for _ in range(16)))
    assert len(counted.statements) <= 3, counted.statements


async def test_a_get_is_one_statement(on_postgresql, postgresql_wire):
    record = await _warm(on_postgresql)
    with postgresql_wire.counting() as counted:
        await _get(on_postgresql, record)
    assert len(counted.statements) == 1, counted.statements
    assert counted.round_trips == 1


async def test_gets_that_wait_share_a_statement(on_postgresql, postgresql_wire):
    record = await _warm(on_postgresql)
    with postgresql_wire.counting() as counted:
        await asyncio.gather(*(_get(on_postgresql, record) for _ in range(16)))
    assert len(counted.statements) <= 3, counted.statements


async def test_a_list_is_one_statement(on_postgresql, postgresql_wire):
    await _warm(on_postgresql)
    with postgresql_wire.counting() as counted:
        await _list(on_postgresql)
    assert len(counted.statements) == 1, counted.statements
    assert counted.round_trips == 1


async def test_a_create_reads_once_and_writes_once(on_postgresql, postgresql_wire):
    await _warm(on_postgresql)
    for signed in (await upload(on_postgresql), await presign(on_postgresql)):
        with postgresql_wire.counting() as counted:
            await create_record(on_postgresql, signed)
        assert len(counted.statements) == 2, counted.statements
        assert counted.round_trips == 2


async def test_creates_that_wait_share_statements(on_postgresql, postgresql_wire):
    await _warm(on_postgresql)
    uploads = [await upload(on_postgresql) for _ in range(16)]
    with postgresql_wire.counting() as counted:
        await asyncio.gather(*(create_record(on_postgresql, signed) for signed in uploads))
    assert len(counted.statements) <= 6, counted.statements


async def test_a_create_looks_once_for_the_object(on_s3, postgresql_wire):
    client, requests = on_s3
    await create_record(client, await _uploaded(client))
    signed = await _uploaded(client)
    requests.clear()
    with postgresql_wire.counting() as counted:
        await create_record(client, signed)
    assert requests == {"HEAD": 1}
    assert len(counted.statements) == 2, counted.statements


async def _uploaded(client):
    """Return an upload whose bytes are in the bucket."""
    signed = await presign(client)
    async with httpx.AsyncClient() as store:
        answer = await store.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200, answer.text
    return signed


async def test_reads_on_sqlite_are_one_statement(on_sqlite):
    record = await _warm(on_sqlite)
    for call in (_get(on_sqlite, record), _list(on_sqlite)):
        with counted_statements() as statements:
            await call
        assert len(statements) == 1, statements


async def test_presigns_that_wait_share_a_transaction_on_sqlite(on_sqlite):
    await _warm(on_sqlite)
    with counted_statements() as statements:
        await asyncio.gather(*(presign(on_sqlite) for _ in range(16)))
    assert 1 <= statements.count("COMMIT") <= 3, statements
