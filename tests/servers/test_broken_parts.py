"""Each part broken for real: the readiness probe and the doctor name it, and see it repaired."""

import asyncio
import json
import os
import signal

import asyncpg
import httpx
import pytest

from broken_parts import Watched, another_time, diagnosed, small_disk, until, watched
from cli_processes import ORAK, CliProcess
from orak.adapters.persistence.sql import migrations
from pooler import a_pooler
from s3_servers import KEYS, an_s3_server
from store_fronts import a_front

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def clean_environment(tmp_path, monkeypatch):
    """Let the settings come from the test alone."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "S3_BUCKET_NAME", "JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def on_bucket(bucket, **changes):
    return {
        "s3_bucket_name": bucket.bucket,
        "s3_endpoint_url": bucket.endpoint_url,
        "aws_access_key_id": KEYS.access_key,
        "aws_secret_access_key": KEYS.secret_key,
    } | changes


async def test_postgresql_that_is_stopped(postgresql_url, postgresql_server, data):
    settings = {"database_url": postgresql_url}
    async with watched(data, **settings) as orak:
        assert await orak.ready() == (200, [], [])
        assert await orak.metric("orak_database_up") == 1
        postgresql_server.stop()
        try:
            await orak.until_ready_is(503, "database")
            assert await orak.metric("orak_database_up") == 0
            assert await orak.fires("database-down")
            (found,) = await diagnosed("database", data, **settings)
            assert (found.name, found.level) == ("database", "fail")
            assert found.hint.startswith("start PostgreSQL")
            (unknown,) = await diagnosed("clock", data, **settings)
            assert unknown.detail == "not compared: the database does not answer"
        finally:
            postgresql_server.start()
        await orak.until_ready_is(200)
        assert not await orak.fires("database-down")
        assert await diagnosed("database", data, **settings) == []


async def test_postgresql_that_is_read_only(postgresql_url, postgresql_server, data):
    settings = {"database_url": postgresql_url}
    async with watched(data, **settings) as orak:
        assert await orak.ready() == (200, [], [])
        postgresql_server.sql(
            "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )
        try:
            await orak.until_ready_is(503, "database")
            assert await orak.fires("database-down")
            found, *_ = await diagnosed("database", data, **settings)
            assert (found.name, found.level) == ("database", "fail")
            assert "the server is read-only" in found.detail
            assert "reset default_transaction_read_only" in found.hint
        finally:
            reset = "ALTER SYSTEM RESET default_transaction_read_only"
            postgresql_server.sql(reset, "SELECT pg_reload_conf()")
        await orak.until_ready_is(200)
        assert await diagnosed("database", data, **settings) == []


async def test_a_schema_that_is_missing(postgresql_server, data):
    postgresql_server.sql("CREATE DATABASE fresh")
    settings = {"database_url": postgresql_server.url("fresh")}
    try:
        postgresql_server.stop()
        async with watched(data, **settings) as orak:  # it would not start on a database without a schema
            postgresql_server.start()
            (found,) = await diagnosed("database", data, **settings)
            assert (found.name, found.level) == ("database", "fail")
            assert found.detail.endswith(": the schema is missing")
            assert found.hint == f"run `orak db upgrade --data-dir {data}`"
            assert await orak.ready() == (503, ["database"], [])
            assert await orak.fires("database-down")
            await asyncio.to_thread(migrations.upgrade, settings["database_url"])
            await orak.until_ready_is(200)
        assert await diagnosed("database", data, **settings) == []
    finally:
        postgresql_server.sql("DROP DATABASE fresh WITH (FORCE)")


async def test_redis_that_is_stopped(own_redis, data):
    settings = {"redis_url": own_redis.url}
    async with watched(data, **settings) as orak:
        assert await orak.ready() == (200, [], [])
        own_redis.kill()
        await orak.until_ready_is(200, degraded="redis")
        assert await orak.fires("part-down")
        (found,) = await diagnosed("redis", data, **settings)
        assert (found.name, found.level) == ("redis", "fail")
        assert found.hint.startswith("start Redis")
        own_redis.start()
        await orak.until_ready_is(200)
        assert not await orak.fires("part-down")
        assert await diagnosed("redis", data, **settings) == []
    own_redis.kill()
    async with watched(data, **settings) as orak:
        assert await orak.ready() == (503, ["redis"], [])  # it has never answered
        own_redis.start()
        await orak.until_ready_is(200)


async def test_s3_that_is_stopped(tmp_path, data):
    (tmp_path / "server").mkdir()
    with an_s3_server(tmp_path / "server") as server:
        settings = on_bucket(server.new_bucket())
        async with watched(data, **settings) as orak:
            assert await orak.ready() == (200, [], [])
            server.kill()
            await orak.until_ready_is(503, "storage")
            assert await orak.fires("part-down")
            (found,) = await diagnosed("storage", data, **settings)
            assert (found.name, found.level) == ("storage", "fail")
            assert "S3 does not answer" in found.detail
            assert found.hint.startswith("start the store")
            server.start()
            await orak.until_ready_is(200)
            assert not await orak.fires("part-down")
            assert {one.level for one in await diagnosed("storage", data, **settings)} == {"warn"}


async def test_s3_that_refuses(s3_server, data):
    bucket = s3_server.new_bucket()
    settings = on_bucket(bucket, aws_secret_access_key="another secret that is wrong")
    async with watched(data, **settings) as orak:
        assert await orak.ready() == (503, ["storage"], [])
        assert await orak.fires("part-down")
    (found,) = await diagnosed("storage", data, **settings)
    assert (found.name, found.level) == ("storage", "fail")
    assert "S3 refused the request" in found.detail
    assert "check the bucket and the keys" in found.hint
    assert "another secret" not in str(found)


async def test_a_disk_that_is_full(data):
    data.mkdir()
    with small_disk(data) as fill:
        async with watched(data) as orak:
            assert await orak.ready() == (200, [], [])
            fill(data / "filler")
            await orak.until_ready_is(503, "disk")
            assert await orak.metric("orak_disk_free_ratio") < 0.1
            assert await orak.fires("disk-free")
            assert await orak.fires("part-down")
            room, *_ = await diagnosed("data", data)
            assert (room.name, room.level) == ("disk", "fail")
            assert room.detail.startswith("the disk is full")
            assert room.hint.startswith("free disk space")
            assert {one.level for one in await diagnosed("conversion", data)} == {"fail"}
            (data / "filler").unlink()
            await orak.until_ready_is(200)
            assert not await orak.fires("disk-free")
            assert not list(data.glob(".doctor-*"))


async def test_a_clock_that_is_off_the_store(s3_server, data):
    with a_front(s3_server.port) as front:
        settings = on_bucket(front.before(s3_server.new_bucket()))
        async with watched(data, **settings) as orak:
            assert await orak.ready() == (200, [], [])
            assert await diagnosed("clock", data, **settings) == []
            front.ahead = 60
            assert await orak.ready() == (200, [], ["clock"])
            front.ahead = 303
            assert await orak.ready() == (503, ["clock"], [])
            assert await orak.metric('orak_clock_skew_seconds{against="storage"}') < -300
            assert await orak.fires("clock-skew")
            (found,) = await diagnosed("clock", data, **settings)
            assert (found.name, found.level) == ("clock", "fail")
            assert found.detail.endswith("s behind the storage")
            assert found.hint.startswith("set the clock by NTP")
            front.ahead = 0
            assert await orak.ready() == (200, [], [])
            assert not await orak.fires("clock-skew")


async def test_a_machine_whose_clock_is_5_minutes_off_the_database(postgresql_url, data):
    env = another_time(-300) | {
        "DATABASE_URL": postgresql_url,
        "JWT_SECRET": SECRET,
        "BATCH_ENABLED": "false",
    }
    command = [ORAK, "doctor", "clock", "--data-dir", str(data)]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | env, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 1
    (found,) = [
        row for row in map(json.loads, printed.splitlines()) if "behind the database" in row["detail"]
    ]
    assert (found["level"], found["detail"][:5]) == ("fail", "300.0")
    server = CliProcess("serve", "--port", 0, "--data-dir", data, env=env)
    try:
        url = (await asyncio.to_thread(server.wait_for, r"serves (http://\S+)"))[1]
        async with httpx.AsyncClient(base_url=url) as client:
            orak = Watched(client)
            assert abs(await orak.metric('orak_clock_skew_seconds{against="database"}') + 300) < 5
            assert await orak.fires("clock-skew")
            # Tokens and signed URLs follow the clock of the database, so the process stays in service.
            assert (await client.get("/health/ready")).json() == {"status": "ready", "degraded": ["clock"]}
        assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0
    finally:
        await asyncio.to_thread(server.close)


async def test_a_pooler_in_another_mode_than_its_setting(postgresql_url, postgresql_server, data):
    assert postgresql_url
    with a_pooler(postgresql_server, "transaction", size=2) as url:
        wrong = {"database_url": url, "database_pooler": "session", "pool_size": 2}
        (found,) = await diagnosed("database", data, **wrong)
        assert (found.name, found.level) == ("pooler", "fail")
        assert found.hint == "set DATABASE_POOLER=transaction"
        async with watched(data, **wrong) as orak:
            # Another client takes the server's session that knows the statements of this one.
            other = await asyncpg.connect(url, statement_cache_size=0)
            try:

                async def fails_while_another_client_works():
                    await orak.ready()
                    async with other.transaction():
                        await other.execute("SELECT 1")
                        return await orak.ready(), await orak.fires("database-down")

                await until(fails_while_another_client_works, ((503, ["database"], []), True))
            finally:
                await other.close()
        right = wrong | {"database_pooler": "transaction"}
        assert await diagnosed("database", data, **right) == []
        async with watched(data, **right) as orak:
            assert await orak.ready() == (200, [], [])
        assert await diagnosed("database", data, **wrong | {"database_pooler": "auto"}) == []


async def test_a_session_pooler_and_no_pooler(postgresql_url, postgresql_server, data):
    with a_pooler(postgresql_server, "session", size=4) as url:
        (found,) = await diagnosed("database", data, database_url=url)
        assert (found.name, found.level) == ("pooler", "warn")
        assert found.hint.startswith("set DATABASE_POOLER=session")
        assert await diagnosed("database", data, database_url=url, database_pooler="session") == []
    assert await diagnosed("database", data, database_url=postgresql_url) == []
