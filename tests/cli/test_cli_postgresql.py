"""Commands on PostgreSQL, as an operator runs them."""

import signal

import httpx
import pytest

from orak.adapters.persistence.sql.migrations import HEAD

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
    assert "postgres:********@" in orak("doctor", env=env).stdout
    away = orak("doctor", env=env | {"DATABASE_URL": f"postgresql://me:hush@/db?host={tmp_path}"})
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
