"""Commands on PostgreSQL, as an operator runs them."""

import asyncio
import signal
import time

import httpx
import pytest

from orak.adapters.audio.sung_sample import write_sung_sample
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql.migrations import HEAD
from orak.adapters.storage.local import LocalStorage
from original_app import A_NEW_RECORD

SECRET = "s" * 32


@pytest.fixture
def database(postgresql_server):
    """A database without a schema."""
    postgresql_server.sql("CREATE DATABASE fresh")
    yield postgresql_server.url("fresh").replace("postgres@", "postgres:hush@")
    postgresql_server.sql("DROP DATABASE fresh WITH (FORCE)")


@pytest.fixture
def env(database):
    return {"DATABASE_URL": database, "JWT_SECRET": SECRET, "ORAK_PORT": "0"}


def test_upgrade_makes_a_schema_that_current_and_check_accept(orak, env):
    refused = orak("db", "check", env=env)
    assert refused.stderr == ("error: the database has no schema yet\nhint: run `orak db upgrade`\n")
    assert orak("db", "upgrade", env=env).stdout == f"empty -> {HEAD}\n"
    assert orak("db", "upgrade", env=env).stdout == f"up to date at {HEAD}\n"
    assert orak("db", "current", env=env).stdout == f"{HEAD}\n"
    assert orak("db", "check", env=env).exit_code == 0


def test_a_shared_schema_is_not_upgraded_without_permission(orak, run, env):
    for refused in (run("serve", env=env), orak("songs", "import", "-", stdin="id\n1\n", env=env)):
        assert refused.stderr == (
            "error: DATABASE_URL cannot be used: the database has no schema yet\n"
            "hint: run `orak db upgrade`, or set ORAK_DB_AUTO_UPGRADE=1\n"
        )
    assert orak("db", "current", env=env).stdout == ""


def test_auto_upgrade_waits_for_a_database_that_is_down_at_start(start, env, postgresql_server):
    postgresql_server.stop()
    try:
        server = start("serve", env=env | {"ORAK_DB_AUTO_UPGRADE": "1"})
        url = server.wait_for(r"serves (http://\S+)")[1]
        assert "orak starts without it" in server.output
        unready = httpx.get(f"{url}/health/ready")
        assert unready.status_code == 503
        assert "database" in unready.text
        assert httpx.get(f"{url}/health/live").status_code == 200
    finally:
        postgresql_server.start()
    server.wait_for("the database answers")
    assert httpx.get(f"{url}/health/ready").status_code == 200
    assert postgresql_server.sql("SELECT version_num FROM alembic_version", database="fresh") == HEAD
    assert server.stop(signal.SIGTERM) == 0
    assert "hush" not in server.output
    assert "Traceback" not in server.output


def test_the_doctor_masks_the_databases_password(orak, env, tmp_path):
    assert "postgres:********@" in orak("doctor", "database", env=env).stdout
    away = orak("doctor", "database", env=env | {"DATABASE_URL": f"postgresql://me:hush@/db?host={tmp_path}"})
    assert away.exit_code == 1
    assert "hush" not in away.stdout


@pytest.fixture
def migrated(orak, env):
    assert orak("db", "upgrade", env=env).exit_code == 0
    return env


def test_serve_becomes_ready_once_the_schema_is_upgraded(orak, start, env, postgresql_server):
    postgresql_server.stop()
    try:
        server = start("serve", env=env)
        url = server.wait_for(r"serves (http://\S+)")[1]
        server.wait_for("next try in 2 s")
    finally:
        postgresql_server.start()
    server.wait_for("the database has no schema yet: run `orak db upgrade`")
    assert httpx.get(f"{url}/health/ready").status_code == 503
    assert orak("db", "upgrade", env=env).exit_code == 0
    server.wait_for("the database answers")
    assert httpx.get(f"{url}/health/ready").status_code == 200
    assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.output


def test_serve_survives_a_killed_database(orak, start, migrated, postgresql_server):
    token = orak("token", "--user", "7", env=migrated).stdout.strip()
    server = start("serve", env=migrated)
    url = server.wait_for(r"serves (http://\S+)")[1]

    def ask(path):
        return httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {token}"})

    assert ask("/records/async/me").status_code == 200
    postgresql_server.kill()
    try:
        server.wait_for("relay to delete-objects: the database")
        for path in ("/records/async/me", "/health/ready"):
            refused = ask(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "UNAVAILABLE")
        assert [detail["field"] for detail in refused.json()["error"]["details"]] == ["database"]
        assert ask("/health/live").status_code == 200
    finally:
        postgresql_server.start()
    server.wait_for("relay to delete-objects: works again")
    assert ask("/health/ready").status_code == 200
    assert ask("/records/async/me").status_code == 200
    assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.output
    assert server.output.count("relay to delete-objects: the database") == 1


def test_sweep_needs_a_schema_and_a_running_database(orak, env, postgresql_server):
    refused = orak("sweep", env=env)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: DATABASE_URL cannot be used: the database has no schema yet")
    orak("db", "upgrade", env=env)
    swept = orak("sweep", env=env)
    assert (swept.exit_code, swept.stdout, swept.stderr) == (0, "", "")
    postgresql_server.stop()
    try:
        away = orak("sweep", env=env)
    finally:
        postgresql_server.start()
    assert away.exit_code == 1
    assert away.stderr.startswith("error: the database: ")


@pytest.fixture
def original(original_app):
    return {"DATABASE_URL": original_app.url, "JWT_SECRET": SECRET, "ORAK_PORT": "0"}


def test_the_original_app_s_database_is_adopted_and_served(orak, start, original, original_app, tmp_path):
    planned = orak("db", "upgrade", "--dry-run", env=original)
    assert planned.stdout.splitlines()[-1] == "Nothing was changed."
    assert "1 COMPLETED with a record: playable under the key that it has" in planned.stdout
    assert "CDN_BASE_URL" in planned.stderr
    assert orak("db", "current", env=original).stdout == ""
    env = original | {"CDN_BASE_URL": "https://cdn.example.com"}
    adopted = orak("db", "upgrade", env=env)
    assert adopted.stdout.endswith(
        "Adopted. Rows before and after: 2 users, 1 songs, 8 uploads, 6 records.\n"
    )
    assert orak("db", "upgrade", env=env).stdout == f"up to date at {HEAD}\n"
    assert orak("events", "replay", "--check", env=env).exit_code == 0

    take = tmp_path / "take.webm"
    write_sung_sample(take)
    original_app(A_NEW_RECORD)
    key = "recordings/20000000-0000-4000-8000-000000000001_new take.mp3"
    asyncio.run(stored(tmp_path / "orak-data" / "objects", key, take))
    server = start("serve", env=env | {"BATCH_INTERVAL_MS": "1000"})
    url = server.wait_for(r"serves (http://\S+)")[1]

    def ask(user, path):
        token = orak("token", "--user", user, env=env).stdout.strip()
        return httpx.get(f"{url}/records/async{path}", headers={"Authorization": f"Bearer {token}"})

    unknown = ask(3, "/me")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert unknown.json()["error"]["message"] == "앱에 등록되지 않은 사용자입니다: 3"
    first = ask(1, "/1").json()
    assert (first["processingStatus"], first["s3Key"]) == (
        "COMPLETED",
        "recordings/10000000-0000-4000-8000-000000000001_my-recording.mp3",
    )
    assert first["publicUrl"] == f"https://cdn.example.com/{first['s3Key']}"
    assert ask(2, "/1").json()["error"]["code"] == "RECORD_PERMISSION_DENIED"
    deadline = time.monotonic() + 60
    while (new := ask(1, "/7").json())["processingStatus"] == "PROCESSING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (new["processingStatus"], new["title"]) == ("COMPLETED", "새 녹음")
    assert new["s3Key"].startswith("published/20000000-0000-4000-8000-000000000001/")
    assert [record["id"] for record in ask(1, "/me").json()] == [7, 3, 2, 1]
    assert server.stop(signal.SIGTERM) == 0
    assert orak("events", "replay", "--check", env=env).exit_code == 0


async def stored(root, key, file):
    async with LocalStorage.open(root, "http://unused", b"unused", SystemClock()) as storage:
        await storage.publish(key, file, content_type="audio/mpeg")


def test_songs_of_the_app_are_not_imported(orak, original):
    assert orak("db", "upgrade", env=original).exit_code == 0
    refused = orak("songs", "import", "-", env=original, stdin="id\n4\n")
    assert refused.stderr == (
        "error: the songs of this database belong to the app\n"
        "hint: add songs in the app; a record may refer to any id in its table songs\n"
    )
