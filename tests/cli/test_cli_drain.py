"""The time between SIGTERM and the shutdown of `serve` and `worker`, set by DRAIN_SECONDS."""

import signal
import sqlite3
import time

import httpx
import psutil
import pytest

from audio_samples import write_formula
from cli_processes import DEADLINE
from orak.client import OrakClient

SECRET = "s" * 32
LONG = {"DRAIN_SECONDS": "600"}
"""A drain that no test waits for."""


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def readiness(url):
    """Return the status, and the parts that are not ready, of a call over a connection of its own."""
    answer = httpx.get(f"{url}/health/ready")
    details = answer.json()["error"]["details"] if answer.is_error else []
    return answer.status_code, [detail["field"] for detail in details]


DRAINING = (503, ["shutdown"])


@pytest.fixture
def serve(start):
    def serve(**env):
        server = start("serve", "--port", 0, env={"JWT_SECRET": SECRET} | env)
        return server, server.wait_for(r"serves (http://\S+)")[1]

    return serve


def test_a_server_that_drains_is_not_ready_and_goes_on_answering(serve):
    server, url = serve(**LONG)
    with httpx.Client(base_url=url) as client:
        assert client.get("/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining for up to 600 s")
        answer = client.get("/docs")
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert readiness(url) == DRAINING
    assert httpx.get(f"{url}/health/live").status_code == 200
    assert server.stop(signal.SIGTERM) == 0  # the second ends the drain, and not the process at once
    assert "Traceback" not in server.output


def test_the_shutdown_follows_the_drain(serve):
    server, url = serve(DRAIN_SECONDS="1")
    server.process.send_signal(signal.SIGTERM)
    until(lambda: readiness(url) == DRAINING)
    assert server.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("drain", [{"DRAIN_SECONDS": "0"}, LONG])
def test_without_a_drain_and_by_ctrl_c_a_server_ends_at_once(serve, drain):
    server, _ = serve(**drain)
    number = signal.SIGINT if drain is LONG else signal.SIGTERM
    assert server.stop(number) == 0
    assert "draining" not in server.output


def test_all_processes_of_a_port_drain_together_also_one_that_starts_meanwhile(
    serve, orak, postgresql_server
):
    postgresql_server.sql("CREATE DATABASE drained")
    shared = {"DATABASE_URL": postgresql_server.url("drained"), "WEB_WORKERS": "2", "JWT_SECRET": SECRET}
    assert orak("db", "upgrade", env=shared).exit_code == 0
    server, url = serve(**shared | LONG)
    try:
        server.process.send_signal(signal.SIGTERM)
        until(lambda: all(readiness(url) == DRAINING for _ in range(10)))
        workers = psutil.Process(server.process.pid).children()
        workers[0].kill()
        server.wait_for(r"web worker \d serves again")
        until(lambda: all(readiness(url) == DRAINING for _ in range(10)))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("the shutdown has begun: SIGHUP ignored")
        workers = psutil.Process(server.process.pid).children()
        assert server.stop(signal.SIGTERM) == 0
        assert not any(worker.is_running() for worker in workers)
        assert "Traceback" not in server.output
    finally:
        server.close()
        postgresql_server.sql("DROP DATABASE drained WITH (FORCE)")


def test_a_worker_that_drains_finishes_its_conversion_and_ends(serve, start, orak, tmp_path):
    recording = write_formula(tmp_path / "recording.flac", "0.1*sin(2764*t)", 90)
    _, url = serve(IMMEDIATE_SLOTS="0", BATCH_ENABLED="false")
    token = orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()
    worker = start("worker", env=LONG | {"BATCH_MAX_CONCURRENT": "1", "BATCH_INTERVAL_MS": "100"})
    worker.wait_for("ready: ")
    with OrakClient(url, token) as client:
        for number in range(2):
            client.upload(recording, title=f"recording {number}")
    until(lambda: "PROCESSING" in statuses())
    assert worker.stop(signal.SIGTERM) == 0
    assert statuses() == ["COMPLETED", "UPLOADED"]
    assert "Traceback" not in worker.output


def statuses():
    with sqlite3.connect("orak-data/orak.db") as connection:
        query = "SELECT processing_status FROM uploads ORDER BY processing_status"
        return [status for (status,) in connection.execute(query)]
