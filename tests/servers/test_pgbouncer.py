"""PgBouncer in front of PostgreSQL, in each mode that orak supports."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, literal_column, select, text

from audio_samples import tone, write
from builders import START, a_waiting_record, saved
from http_api import create_record, upload
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.postgresql import PostgresqlConnections
from orak.adapters.persistence.sql.statements import Statement
from orak.application.ports.failures import Unavailable
from pooler import a_pooler
from served import in_process

FLOWS = 12
"""Clients at once: more than the pooler has connections, so clients share them."""

LEASE = timedelta(seconds=30)

IGNORED = (
    "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,default_transaction_isolation,jit"
)


@pytest.fixture
def server(postgresql_url, postgresql_server):
    """The server, with empty tables."""
    assert postgresql_url
    return postgresql_server


@pytest.fixture
def transaction_pooler(server):
    with a_pooler(server, "transaction") as url:
        yield url


@pytest.mark.parametrize(
    ("mode", "connections", "ignored", "setting"),
    [
        ("transaction", 4, "", "auto"),
        ("transaction", 4, "", "transaction"),
        ("transaction", 4, IGNORED, "auto"),  # nothing but the process id tells that there is a pooler
        ("session", 20, "", "auto"),
        ("session", 20, "", "session"),
    ],
)
async def test_every_client_records_lists_and_deletes(server, tmp_path, mode, connections, ignored, setting):
    take = write(tmp_path / "take.wav", tone(), 0.2, "wav").read_bytes()

    async def flow(client):
        signed = await upload(client, take)
        record = await create_record(client, signed)
        async with asyncio.timeout(60):
            while record["processingStatus"] == "PROCESSING":
                await asyncio.sleep(0.05)
                record = (await client.get(f"/records/async/{record['id']}")).json()
        assert record["processingStatus"] == "COMPLETED"
        assert record["id"] in [listed["id"] for listed in (await client.get("/records/async/me")).json()]
        assert (await client.delete(f"/records/async/{record['id']}")).status_code == 204
        assert (await client.get(f"/records/async/{record['id']}")).status_code == 404

    with a_pooler(server, mode, size=connections, ignore=ignored) as url:
        settings = {"database_url": url, "database_pooler": setting, "batch_enabled": True}
        async with in_process(tmp_path / "data", **settings) as client:
            await asyncio.gather(*(flow(client) for _ in range(FLOWS)))
            assert (await client.get("/health/ready")).status_code == 200


async def test_a_schema_is_made_through_the_pooler(transaction_pooler, postgresql_server):
    postgresql_server.sql("CREATE DATABASE pooled")
    try:
        url = transaction_pooler.replace("/postgres", "/pooled")
        migrations.upgrade(url)
        assert migrations.check(url)
    finally:
        postgresql_server.sql("DROP DATABASE pooled WITH (FORCE)")


async def test_limits_last_for_one_transaction_and_hold_in_it(transaction_pooler):
    connections = PostgresqlConnections(f"{transaction_pooler}?lock_timeout=50ms&work_mem=5MB")
    names = ("statement_timeout", "lock_timeout", "work_mem", "transaction_isolation")

    def settings(connection):
        return [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]

    for ask in (connections.read, connections.write):
        assert await ask(settings) == ["5s", "50ms", "5MB", "read committed"]
    limit = Statement(select(func.current_setting("lock_timeout")))
    rows = await asyncio.gather(*(connections.fetch(limit, {}) for _ in range(20)))
    assert [row[0] for found in rows for row in found] == ["50ms"] * 20
    await connections.close()
    other = PostgresqlConnections(transaction_pooler, pooler="transaction")
    assert await other.read(settings) == ["5s", "2s", "4MB", "read committed"]
    await other.close()


async def test_waiting_for_a_lock_ends_with_an_error(transaction_pooler):
    url = f"{transaction_pooler}?lock_timeout=50ms"
    async with SqlPersistence.open(url, clock=SystemClock(), lease=LEASE) as pooled:
        snapshot = await a_waiting_record(pooled)
        async with pooled.transaction() as tx:
            await tx.uploads.save(*snapshot.upload.note_record_change(at=START))
            with pytest.raises(Unavailable, match="lock timeout"):
                await saved(pooled, snapshot.upload.note_record_change(at=START))
        assert await pooled.leases.claim() is not None


async def test_a_setting_that_the_server_refuses_is_named(transaction_pooler):
    connections = PostgresqlConnections(f"{transaction_pooler}?lock_timeout=soon")
    with pytest.raises(Unavailable, match="lock_timeout"):
        await connections.read(lambda connection: connection)
    await connections.close()


async def test_a_pooler_that_was_called_a_session_pooler_is_reported(transaction_pooler):
    first, other = [PostgresqlConnections(transaction_pooler, size=1, pooler="session") for _ in range(2)]

    def work(connection):
        return connection.scalar(text("SELECT 1"))

    three = Statement(select(literal_column("3")))
    await first.read(work)  # prepares the statement in the only session so far
    await first.fetch(three, {})
    async with other.transaction() as transaction:
        await transaction.run_sync(lambda connection: connection.execute(text("SELECT 2")))
        with pytest.raises(Unavailable, match="set DATABASE_POOLER=transaction"):
            await first.read(work)
        with pytest.raises(Unavailable, match="set DATABASE_POOLER=transaction"):
            await first.fetch(three, {})
    await asyncio.gather(first.close(), other.close())


async def test_orak_goes_on_when_the_pooler_drops_its_connections(transaction_pooler, postgresql_server):
    async with SqlPersistence.open(transaction_pooler, clock=SystemClock(), lease=LEASE) as pooled:
        await asyncio.gather(*(pooled.now() for _ in range(10)))
        postgresql_server.stop()
        postgresql_server.start()
        async with asyncio.timeout(20):
            while True:
                try:
                    now = await pooled.now()
                except Unavailable:
                    await asyncio.sleep(0.1)
                else:
                    break
        assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("mode", "setting", "hears"),
    [("transaction", "auto", False), ("session", "auto", False), ("session", "session", True)],
)
async def test_other_processes_are_heard_through_a_pooler_that_is_known_to_keep_sessions(
    server, mode, setting, hears
):
    with a_pooler(server, mode, size=20) as url:
        opening = SqlPersistence.open(url, clock=SystemClock(), lease=LEASE, pooler=setting)
        async with opening as persistence, asyncio.timeout(20):
            given = asyncio.Event()
            persistence.event_signal.listen(given.set)
            await given.wait()  # it listens, or has learnt that it cannot
            assert persistence.event_signal.hears_every_process is hears
