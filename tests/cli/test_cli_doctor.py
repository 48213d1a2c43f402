import asyncio
import json
import os
import pty
import re
import signal
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli_processes import DEADLINE, ORAK
from orak.entrypoints.cli.diagnosis import Diagnosis, Timed
from orak.entrypoints.cli.finding import Finding
from s3_servers import KEYS
from store_fronts import a_front

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
        "python", "settings", "files", "data", "disk", "database", "storage", "events",
        "audio", "aac-128", "mp3-192", "opus-96", "port", "tokens", "clock",
    ]  # fmt: skip
    # The disk of the machine that runs the tests may be nearly full.
    assert {row["level"] for row in findings.values() if row["name"] != "disk"} == {"ok"}
    assert findings["settings"]["detail"].startswith("2 from the environment, ")
    assert findings["aac-128"]["detail"].startswith("1.0 s of sound in ")
    assert findings["aac-128"]["detail"].endswith(" LUFS, AUDIO_PROFILE")
    assert list(Path().iterdir()) == []


def test_a_missing_secret_is_a_warning(doctor):
    exit_code, findings = doctor("tokens", JWT_SECRET="")
    assert (exit_code, findings["tokens"]["level"]) == (0, "warn")
    assert "JWT_SECRET" in findings["tokens"]["hint"]


def test_a_bad_setting_is_a_failure(doctor):
    exit_code, findings = doctor("tokens", BATCH_SIZE="abc")
    assert (exit_code, findings["settings"]["level"]) == (1, "fail")


def test_a_folder_that_cannot_be_written_is_a_failure(doctor):
    Path("file").touch()
    exit_code, findings = doctor("data", "--data-dir", "file/folder")
    assert (exit_code, findings["data"]["level"]) == (1, "fail")


def test_a_file_that_is_not_a_database_is_a_failure(doctor):
    Path("orak-data").mkdir()
    Path("orak-data/orak.db").write_text("no database " * 100)
    exit_code, findings = doctor("database")
    assert (exit_code, findings["database"]["level"]) == (1, "fail")


def test_an_old_schema_is_a_warning(doctor):
    Path("orak-data").mkdir()
    Path("orak-data/orak.db").touch()
    exit_code, findings = doctor("database")
    assert (exit_code, findings["database"]["level"]) == (0, "warn")


def test_a_port_in_use_is_a_warning(doctor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        exit_code, findings = doctor("port", ORAK_PORT=str(other.getsockname()[1]))
    assert (exit_code, findings["port"]["level"]) == (0, "warn")
    assert "another program" in findings["port"]["detail"]


def test_a_metrics_port_that_cannot_be_opened_is_a_failure(doctor, free_port):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        exit_code, findings = doctor("metrics", METRICS_PORT=taken)
    assert (exit_code, findings["metrics"]["level"]) == (1, "fail")
    assert findings["metrics"]["detail"] == f"METRICS_PORT cannot be used: 127.0.0.1:{taken} is in use"
    for unusable in ({"METRICS_PORT": free_port}, {"METRICS_PORT": "0", "METRICS_HOST": "192.0.2.1"}):
        exit_code, findings = doctor("metrics", **unusable)
        assert (exit_code, findings["metrics"]["level"]) == (1, "fail")
    exit_code, findings = doctor("metrics", METRICS_PORT="0")
    assert (exit_code, findings["metrics"]["level"]) == (0, "ok")


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "carrier-pigeon"},
        {"OTEL_METRICS_EXPORTER": "console,carrier-pigeon"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"},
    ],
)
def test_telemetry_that_serve_refuses_is_a_failure_in_its_words(doctor, run, free_port, variables):
    exit_code, findings = doctor("telemetry", **variables)
    assert (exit_code, findings["telemetry"]["level"]) == (1, "fail")
    refused = run("serve", env=variables | {"JWT_SECRET": SECRET, "ORAK_PORT": free_port})
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[0] == f"error: {findings['telemetry']['detail']}"


def test_installed_telemetry_passes(doctor):
    exit_code, findings = doctor("telemetry", OTEL_TRACES_EXPORTER="console")
    assert (exit_code, findings["telemetry"]["level"]) == (0, "ok")


def test_a_clock_in_the_past_is_a_failure(doctor, orak):
    assert orak("db", "upgrade").exit_code == 0
    tomorrow = datetime.now(UTC).timestamp() + 86_400
    os.utime("orak-data/orak.db", (tomorrow, tomorrow))
    exit_code, findings = doctor("clock")
    assert (exit_code, findings["clock"]["level"]) == (1, "fail")


def test_a_database_whose_folder_is_missing_is_a_failure(doctor):
    exit_code, findings = doctor("database", DATABASE_URL=f"sqlite:///{Path('absent/orak.db').absolute()}")
    assert (exit_code, findings["database"]["level"]) == (1, "fail")
    exit_code, findings = doctor("database", "--data-dir", "new/folder")
    assert (exit_code, findings["database"]["level"]) == (0, "ok")


def test_the_port_flag_chooses_the_port_to_check(doctor):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        _, findings = doctor("port", "--host", "127.0.0.1", "--port", port)
    assert findings["port"]["detail"].startswith(f"127.0.0.1:{port} is in use")


def test_keys_that_cannot_be_fetched_are_a_failure(doctor, orak, free_port):
    for url in ("absent.json", f"http://127.0.0.1:{free_port}/jwks"):
        exit_code, findings = doctor("tokens", JWT_SECRET="", JWKS_URL=url)
        assert (exit_code, findings["tokens"]["level"]) == (1, "fail")
    refused = orak("serve", "--port", "0", env={"JWKS_URL": "absent.json"})
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "error: JWKS_URL, absent.json, has no usable keys: No such file or directory\nhint: "
    )


def test_redis_is_checked_if_redis_url_is_set(doctor, own_redis):
    url = own_redis.url.replace("//", "//:hush@")
    exit_code, findings = doctor("redis", REDIS_URL=own_redis.url)
    assert (exit_code, findings["redis"]["level"]) == (0, "ok")
    own_redis.kill()
    exit_code, findings = doctor("redis", REDIS_URL=url)
    assert (exit_code, findings["redis"]["level"]) == (1, "fail")
    assert "hush" not in str(findings)


@pytest.mark.parametrize("query", ["health_check_interval=x", "no_such_word=1"])
def test_an_invalid_redis_url_is_a_failure(doctor, own_redis, query):
    exit_code, findings = doctor("redis", REDIS_URL=f"{own_redis.url}?{query}")
    assert (exit_code, findings["redis"]["level"]) == (1, "fail")


def test_a_check_that_hangs_or_fails_does_not_stop_the_others():
    cleaned = []

    async def hangs(_):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # such as a call that removes an object
            cleaned.append("hangs")

    async def fails(_):
        raise RuntimeError("postgresql://me:hush@db")

    async def works(_):
        return [Finding("last", "ok", "fine")]

    checks = [Timed("slow", hangs, 0.05), Timed("broken", fails), Timed("last", works)]
    diagnosis = Diagnosis({}, checks)
    findings = {found.name: found for found in asyncio.run(all_of(diagnosis))}
    assert [findings[name].level for name in ("slow", "broken", "last")] == ["fail", "fail", "ok"]
    assert all(findings[name].hint for name in ("slow", "broken"))
    assert "hush" not in str(findings)
    assert cleaned == ["hangs"]
    assert diagnosis.hangs


async def all_of(diagnosis):
    return [found async for found in diagnosis.findings()]


def test_ctrl_c_removes_what_the_doctor_has_written(start, s3_server):
    bucket = s3_server.new_bucket()
    held, asked = threading.Event(), threading.Event()

    def holds(request):
        if request.command == "GET" and "/published/.probe/" in request.path:
            asked.set()  # the object is stored now
            held.wait(30)
        return False

    with a_front(s3_server.port, refuses=holds) as front:
        env = {
            "S3_BUCKET_NAME": bucket.bucket,
            "S3_ENDPOINT_URL": front.url,
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "JWT_SECRET": SECRET,
        }
        command = start("doctor", "storage", env=env)
        try:
            assert asked.wait(DEADLINE)
            assert s3_server.client.list_objects_v2(Bucket=bucket.bucket)["Contents"]
            assert command.stop(signal.SIGINT) == 130
        finally:
            held.set()
    assert "Contents" not in s3_server.client.list_objects_v2(Bucket=bucket.bucket)
    assert "Traceback" not in command.output
    assert list(Path().iterdir()) == []


def test_the_doctor_prints_marks_and_hints_on_a_terminal(free_port):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"COLUMNS": "80", "ORAK_PORT": free_port, "TERM": "xterm", "NO_COLOR": "1"}
        os.execv(ORAK, [ORAK, "doctor", "data", "tokens"])  # noqa: S606 - the child of a pseudo-terminal
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")
    lines = [line for line in text.splitlines() if line.strip()]
    assert any(line.startswith("✓  python ") for line in lines)
    warned = next(number for number, line in enumerate(lines) if line.startswith("!  tokens "))
    hint = [line for line in lines[warned + 1 :] if line.startswith(" " * 15)]
    assert hint[0].strip().startswith("hint: export JWT_SECRET=$(openssl rand -hex 32)")
    assert re.search(r"^\d to look at, \d+ passed\.", lines[-1])


def test_a_running_orak_does_not_disturb_the_doctor(doctor, start):
    server = start("serve", "--port", 0, env={"JWT_SECRET": SECRET, "METRICS_PORT": "0"})
    port = server.wait_for(r"serves http://127\.0\.0\.1:(\d+)")[1]
    metrics = server.wait_for(r"metrics\s+(?:are at )?http://127\.0\.0\.1:(\d+)/metrics")[1]
    parts = "data", "database", "storage", "port", "metrics"
    exit_code, findings = doctor(*parts, ORAK_PORT=port, METRICS_PORT=metrics)
    assert findings["metrics"]["detail"] == f"orak serves its metrics on 127.0.0.1:{metrics}"
    assert exit_code == 0
    assert findings["port"]["detail"] == f"orak serves on 127.0.0.1:{port}"
    assert findings["writes"]["level"] == "ok"
    assert {path.name for path in Path("orak-data").iterdir() if path.name.startswith(".")} == set()
