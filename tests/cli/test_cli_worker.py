"""`orak serve` and `orak worker` as processes, with Redis between them."""

import json
import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli_processes import DEADLINE
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.client import OrakClient

SECRET = "s" * 32
UPLOADS = 20


@pytest.fixture
def env(own_redis):
    return {
        "JWT_SECRET": SECRET,
        "REDIS_URL": own_redis.url,
        "IMMEDIATE_SLOTS": "0",
        "BATCH_INTERVAL_MS": "1000",
        "SWEEP_INTERVAL_MS": "1000",
    }


def served(start, env):
    server = start("serve", "--port", 0, env=env)
    return server, server.wait_for(r"serves (http://\S+)")[1]


def upload_all(orak, url, recording, count=UPLOADS):
    token = orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()

    def one(number):
        with OrakClient(url, token) as client:
            return client.upload(recording, title=f"recording {number}").id

    with ThreadPoolExecutor(4) as callers:
        return list(callers.map(one, range(count)))


def rows(sql):
    with sqlite3.connect("orak-data/orak.db") as connection:
        return connection.execute(sql).fetchall()


def wait_until_completed(count=UPLOADS):
    deadline = time.monotonic() + DEADLINE
    while True:
        done = Counter(status for (status,) in rows("SELECT processing_status FROM uploads"))
        if done == {"COMPLETED": count}:
            return
        assert time.monotonic() < deadline, done
        time.sleep(0.05)


def readiness(url):
    answer = httpx.get(f"{url}/health/ready")
    return answer.status_code, answer.json()


def wait_until_ready(url, expected):
    deadline = time.monotonic() + DEADLINE
    while readiness(url) != expected:
        assert time.monotonic() < deadline, readiness(url)
        time.sleep(0.05)


def test_two_workers_convert_each_upload_once(start, orak, env, recording):
    workers = [start("worker", env=env) for _ in range(2)]
    _, url = served(start, env)
    for worker in workers:
        worker.wait_for(r"ready: .* woken through Redis")
    upload_all(orak, url, recording)
    wait_until_completed()
    assert rows("SELECT count(*), max(attempt) FROM uploads") == [(UPLOADS, 1)]
    assert rows("SELECT count(*) FROM events WHERE type = 'ProcessingCompleted'") == [(UPLOADS,)]
    for worker in workers:
        began = time.monotonic()
        assert worker.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        assert "Traceback" not in worker.output


def test_uploads_are_converted_while_redis_is_down_and_when_it_is_back(
    start, orak, env, recording, own_redis
):
    own_redis.kill()
    worker = start("worker", env=env)
    _, url = served(start, env)
    worker.wait_for(r"ready: ")
    assert readiness(url)[0] == 503
    assert "redis" in json.dumps(readiness(url)[1])
    upload_all(orak, url, recording, 2)
    wait_until_completed(2)

    own_redis.start()
    wait_until_ready(url, (200, {"status": "ready"}))
    worker.wait_for("answers again")
    upload_all(orak, url, recording, 2)
    wait_until_completed(4)

    own_redis.kill()
    wait_until_ready(url, (200, {"status": "ready", "degraded": ["redis"]}))
    upload_all(orak, url, recording, 2)
    wait_until_completed(6)
    assert len(re.findall("does not answer", worker.output)) == 2
    assert "Traceback" not in worker.output


def test_a_stopped_worker_releases_its_jobs(start, orak, env, tmp_path):
    long = tmp_path / "long.webm"
    write_sung_sample(long)
    worker = start("worker", env=env)
    _, url = served(start, env)
    worker.wait_for(r"ready: ")
    upload_all(orak, url, long, 8)
    deadline = time.monotonic() + DEADLINE
    while not rows("SELECT 1 FROM uploads WHERE processing_status = 'PROCESSING'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert worker.stop(signal.SIGTERM) == 0
    assert rows("SELECT count(*) FROM uploads WHERE processing_status = 'PROCESSING'") == [(0,)]
    assert rows("SELECT max(failures) FROM uploads") == [(0,)]


def test_a_worker_without_redis_polls(start, env):
    alone = {name: value for name, value in env.items() if name != "REDIS_URL"}
    worker = start("worker", env=alone)
    worker.wait_for(r"ready: converts up to \d+ uploads at once; starts a batch every 1 s")
    assert worker.stop(signal.SIGINT) == 0


def test_redis_without_its_packages_is_one_line_and_a_hint(orak, env, monkeypatch):
    monkeypatch.setitem(sys.modules, "orak.adapters.queues.taskiq_broker", None)
    monkeypatch.setitem(sys.modules, "taskiq", None)
    for imports_it in (
        "entrypoints.worker.taskiq_listener",
        "adapters.queues.taskiq_queue",
        "adapters.queues.shared",
    ):
        monkeypatch.delitem(sys.modules, f"orak.{imports_it}", raising=False)
    refused = orak("worker", env=env)
    assert refused.exit_code == 2, refused.stderr
    assert "is not installed" in refused.stderr
    assert "hint: pip install 'orak[redis]'" in refused.stderr
    assert not Path("orak-data/jwt.key").exists()
