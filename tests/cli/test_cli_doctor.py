import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

SECRET = "s" * 32


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def doctor(orak, free_port):
    def doctor(*args, **env):
        result = orak("doctor", *args, env={"ORAK_PORT": free_port, "JWT_SECRET": SECRET} | env)
        return result.exit_code, {row["name"]: row for row in map(json.loads, result.stdout.splitlines())}

    return doctor


def test_a_machine_that_can_run_orak_passes_every_check(doctor):
    exit_code, findings = doctor()
    assert exit_code == 0
    assert list(findings) == [
        "python", "settings", "data", "database", "storage", "events", "audio", "port", "tokens", "clock",
    ]  # fmt: skip
    assert {row["level"] for row in findings.values()} == {"ok"}
    assert not Path("orak-data").exists()


def test_a_missing_secret_is_a_warning(doctor):
    exit_code, findings = doctor(JWT_SECRET="")
    assert (exit_code, findings["tokens"]["level"]) == (0, "warn")
    assert "JWT_SECRET" in findings["tokens"]["hint"]


def test_a_bad_setting_is_a_failure(doctor):
    exit_code, findings = doctor(BATCH_SIZE="abc")
    assert (exit_code, findings["settings"]["level"]) == (1, "fail")


def test_a_folder_that_cannot_be_written_is_a_failure(doctor):
    Path("file").touch()
    exit_code, findings = doctor("--data-dir", "file/folder")
    assert (exit_code, findings["data"]["level"]) == (1, "fail")


def test_a_file_that_is_not_a_database_is_a_failure(doctor):
    Path("orak-data").mkdir()
    Path("orak-data/orak.db").write_text("no database " * 100)
    exit_code, findings = doctor()
    assert (exit_code, findings["database"]["level"]) == (1, "fail")


def test_an_old_schema_is_a_warning(doctor):
    Path("orak-data").mkdir()
    Path("orak-data/orak.db").touch()
    exit_code, findings = doctor()
    assert (exit_code, findings["database"]["level"]) == (0, "warn")


def test_a_port_in_use_is_a_warning(doctor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        exit_code, findings = doctor(ORAK_PORT=str(other.getsockname()[1]))
    assert (exit_code, findings["port"]["level"]) == (0, "warn")
    assert "another program" in findings["port"]["detail"]


def test_a_clock_in_the_past_is_a_failure(doctor, orak):
    assert orak("db", "upgrade").exit_code == 0
    tomorrow = datetime.now(UTC).timestamp() + 86_400
    os.utime("orak-data/orak.db", (tomorrow, tomorrow))
    exit_code, findings = doctor()
    assert (exit_code, findings["clock"]["level"]) == (1, "fail")


def test_a_database_whose_folder_is_missing_is_a_failure(doctor):
    exit_code, findings = doctor(DATABASE_URL=f"sqlite:///{Path('absent/orak.db').absolute()}")
    assert (exit_code, findings["database"]["level"]) == (1, "fail")
    exit_code, findings = doctor("--data-dir", "new/folder")
    assert (exit_code, findings["database"]["level"]) == (0, "ok")


def test_the_port_flag_chooses_the_port_to_check(doctor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        _, findings = doctor("--host", "127.0.0.1", "--port", port)
    assert findings["port"]["detail"].startswith(f"127.0.0.1:{port} is in use")


def test_keys_that_cannot_be_fetched_are_a_failure(doctor, orak, free_port):
    for url in ("absent.json", f"http://127.0.0.1:{free_port}/jwks"):
        exit_code, findings = doctor(JWT_SECRET="", JWKS_URL=url)
        assert (exit_code, findings["tokens"]["level"]) == (1, "fail")
    refused = orak("serve", "--port", "0", env={"JWKS_URL": "absent.json"})
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "error: JWKS_URL, absent.json, has no usable keys: No such file or directory\nhint: "
    )


def test_redis_is_checked_if_redis_url_is_set(doctor, own_redis):
    url = own_redis.url.replace("//", "//:hush@")
    exit_code, findings = doctor(REDIS_URL=own_redis.url)
    assert (exit_code, findings["redis"]["level"]) == (0, "ok")
    own_redis.kill()
    exit_code, findings = doctor(REDIS_URL=url)
    assert (exit_code, findings["redis"]["level"]) == (1, "fail")
    assert "hush" not in str(findings)


@pytest.mark.parametrize("query", ["health_check_interval=x", "no_such_word=1"])
def test_an_invalid_redis_url_is_a_failure(doctor, own_redis, query):
    exit_code, findings = doctor(REDIS_URL=f"{own_redis.url}?{query}")
    assert (exit_code, findings["redis"]["level"]) == (1, "fail")
