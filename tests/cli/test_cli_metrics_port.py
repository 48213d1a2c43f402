"""METRICS_PORT: the metrics of `serve` and of `worker` on a port of their own."""

import signal
import socket

import httpx
import psutil
import pytest

from cli_processes import DEADLINE
from measured import parsed
from orak.client import OrakClient

SECRET = "s" * 32
NEW_UPLOAD = {"originalFilename": "take.webm", "fileSize": 3, "contentType": "audio/webm"}


@pytest.fixture
def env(tmp_path):
    return {"JWT_SECRET": SECRET, "ORAK_PORT": "0", "METRICS_PORT": "0", "ORAK_DATA_DIR": str(tmp_path)}


def metrics_of(process):
    """Return where the metrics of a process are, by its banner or its log."""
    return process.wait_for(r"metrics\s+(?:are at )?(http://[\w.:]+/metrics)")[1]


def test_serve_moves_its_metrics_to_the_port(start, env):
    server = start("serve", env=env)
    metrics, url = metrics_of(server), server.wait_for(r"serves (http://\S+)")[1]
    assert httpx.get(f"{url}/health/live").status_code == 200
    answer = httpx.get(metrics)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    shown = parsed(answer.text)
    assert shown["orak_http_requests_total", "GET", "/health/live", "200"] == 1
    assert shown["orak_database_up",] == 1
    assert 0 < shown["orak_disk_free_ratio",] < 1
    moved = httpx.get(f"{url}/metrics")
    assert (moved.status_code, moved.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert server.stop(signal.SIGTERM) == 0


def test_a_recording_is_counted_from_its_upload_to_its_rendition(start, orak, env, recording):
    server = start("serve", env=env)
    metrics, url = metrics_of(server), server.wait_for(r"serves (http://\S+)")[1]
    with OrakClient(url, orak("token", env=env).stdout.strip()) as client:
        assert client.upload(recording, title="a song", wait=DEADLINE).is_settled
    shown = parsed(httpx.get(metrics).text)
    assert shown["s3_uploads_total", "arrived"] == 1
    assert shown["orak_immediate_starts_total", "started"] == 1
    assert shown["orak_conversions_total", "none", "completed", "immediate"] == 1
    assert shown["orak_conversion_seconds_count", "aac-128"] == 1
    assert shown["orak_conversion_queue_seconds_count", "immediate"] == 1
    assert 11 < shown["orak_conversion_media_seconds_total",] < 13
    assert shown["orak_storage_seconds_count", "download"] == 1
    assert shown["orak_storage_seconds_count", "publish"] == 2


def test_the_port_serves_nothing_but_metrics(start, env):
    metrics = metrics_of(start("serve", env=env))
    base = metrics.removesuffix("/metrics")
    for path in ("/", "/records/async/me", "/metrics/", "/health/live"):
        assert httpx.get(base + path).status_code == 404
    assert (head := httpx.head(metrics)).status_code == 200
    assert (head.text, int(head.headers["content-length"]) > 1000) == ("", True)
    refused = httpx.post(metrics, content=b"x")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_a_worker_has_metrics_of_its_own(start, env):
    worker = start("worker", env=env)
    shown = parsed(httpx.get(metrics_of(worker)).text)
    worker.wait_for("ready: converts up to")
    assert shown["orak_database_up",] == 1
    assert shown["orak_conversions_total", "none", "completed", "batch"] == 0
    assert shown["batch_size",] == 50
    assert worker.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_port_in_use_is_one_error_with_a_hint(run, env, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run(command, env=env | {"METRICS_PORT": port})
    assert refused.returncode == 1
    error, hint = refused.stderr.splitlines()
    assert error == f"error: METRICS_PORT cannot be used: 127.0.0.1:{port} is in use"
    assert hint.startswith("hint: choose another METRICS_PORT")


def test_any_web_worker_shows_the_sums_on_the_port_also_after_a_kill(start, orak, env, postgresql_server):
    postgresql_server.sql("CREATE DATABASE metered")
    env |= {"DATABASE_URL": postgresql_server.url("metered"), "WEB_WORKERS": "2"}
    assert orak("db", "upgrade", env=env).exit_code == 0
    server = start("serve", env=env)
    metrics, url = metrics_of(server), server.wait_for(r"serves (http://\S+)")[1]
    token = orak("token", env=env).stdout.strip()
    for _ in range(20):  # each over a connection of its own, so that both processes get some
        asked = httpx.post(
            f"{url}/records/async/presigned-url",
            json=NEW_UPLOAD,
            headers={"Authorization": f"Bearer {token}"},
            timeout=DEADLINE,
        )
        assert asked.status_code == 200
    before = {counted(metrics) for _ in range(10)}
    assert before == {(20, 20)}
    victim, *_ = psutil.Process(server.process.pid).children()
    victim.kill()
    server.wait_for(r"web worker \d serves again")
    assert {counted(metrics) for _ in range(10)} == before
    assert server.stop(signal.SIGTERM) == 0
    postgresql_server.sql("DROP DATABASE metered WITH (FORCE)")


def counted(metrics):
    shown = parsed(httpx.get(metrics, timeout=DEADLINE).text)
    return (
        shown["orak_http_requests_total", "POST", "/records/async/presigned-url", "200"],
        shown["record_presigned_url_generation_seconds_count", "ok"],
    )
