"""`serve` with WEB_WORKERS: several processes on one port, as an operator runs them."""

import fcntl
import mmap
import os
import re
import signal
import socket
import subprocess
import termios
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli_processes import DEADLINE, ORAK
from orak.adapters.measurements.tables import TABLE_BYTES

SECRET = "s" * 32


@pytest.fixture
def env(postgresql_server, orak):
    """Settings of two processes on a fresh database."""
    postgresql_server.sql("CREATE DATABASE shared")
    env = {"DATABASE_URL": postgresql_server.url("shared"), "JWT_SECRET": SECRET, "WEB_WORKERS": "2"}
    env["LOG_FORMAT"] = "text"
    assert orak("db", "upgrade", env=env).exit_code == 0
    yield env | {"ORAK_PORT": "0"}
    postgresql_server.sql("DROP DATABASE shared WITH (FORCE)")


@pytest.fixture
def serve(start, env):
    """Start `serve`; return the process and its URL."""

    def serve(**more):
        server = start("serve", env=env | more)
        return server, server.wait_for(r"serves (http://\S+)")[1]

    return serve


def workers_of(server):
    """Return the web workers of *server*, the oldest first."""
    children = psutil.Process(server.process.pid).children()
    return sorted(children, key=lambda child: (child.create_time(), child.pid))


def has_ended(worker):
    return not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def answers(url):
    """Return how many answers the processes have counted, by method, route and status."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
        for sample in family.samples
        if sample.name == "orak_http_requests_total"
    }


def live(url):
    """Return the status of a call over a connection of its own."""
    return httpx.get(f"{url}/health/live").status_code


def test_two_processes_serve_one_port_and_end_together(serve):
    server, url = serve()
    workers = workers_of(server)
    assert len(workers) == 2
    assert server.output.count(" serves ") == 1
    server.wait_for("processes  2, each with up to")
    assert [live(url) for _ in range(40)] == [200] * 40
    assert server.stop(signal.SIGTERM) == 0
    assert all(map(has_ended, workers))
    assert "Traceback" not in server.output


def test_a_worker_that_dies_is_started_again(serve):
    server, url = serve()
    assert [live(url) for _ in range(20)] == [200] * 20
    victim = workers_of(server)[0]
    victim.kill()
    server.wait_for(rf"web worker \d \(process {victim.pid}\) ended: signal 9")
    server.wait_for(r"web worker \d serves again")
    assert len(workers_of(server)) == 2
    assert [live(url) for _ in range(20)] == [200] * 20
    assert answers(url)["GET", "/health/live", "200"] == 40  # also those of the process that was killed


def test_ctrl_c_while_a_worker_starts_again_ends_all(serve):
    server, _ = serve()
    victim, other = workers_of(server)
    victim.kill()
    server.wait_for(r"web worker \d \(process \d+\) ended: signal 9")
    left = {*workers_of(server), other}
    assert server.stop(signal.SIGINT) == 0
    assert all(map(has_ended, left))


def test_sighup_replaces_all_processes_and_refuses_no_connection(serve):
    server, url = serve()
    before = workers_of(server)
    port = int(url.rpartition(":")[2])
    statuses, over = [], threading.Event()

    def call():
        while not over.is_set():
            statuses.append(status_of_a_new_connection(port))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("restarted 2 web workers")
    finally:
        over.set()
        for caller in callers:
            caller.join()
    after = workers_of(server)
    assert len(after) == 2
    assert not {worker.pid for worker in before} & {worker.pid for worker in after}
    assert all(map(has_ended, before))
    assert set(statuses) == {200}
    assert answers(url)["GET", "/health/live", "200"] == len(statuses)
    assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.output


def status_of_a_new_connection(port):
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: orak\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionError as error:
        return str(error)
    return int(answer.split()[1])


def test_sighup_during_the_start_is_remembered(start, env):
    server = start("serve", env=env)
    await_first_worker(server)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for(" serves http")
    server.wait_for("restarted 2 web workers")
    assert server.stop(signal.SIGTERM) == 0


def await_first_worker(server):
    """Return once the parent starts processes; they need longer than this until they serve."""
    parent = psutil.Process(server.process.pid)
    deadline = time.monotonic() + DEADLINE
    while not parent.children():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sighup_does_not_end_a_single_process(serve):
    server, url = serve(WEB_WORKERS="1")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("SIGHUP ignored: one process cannot replace itself")
    assert live(url) == 200
    assert server.stop(signal.SIGTERM) == 0


def test_closing_the_terminal_ends_the_processes(env):
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [ORAK, "serve"],
        env=os.environ | env,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no other thread runs
    ) as server:
        os.close(theirs)
        assert any(" serves " in line for line in server.stderr)
        workers = psutil.Process(server.pid).children()
        assert len(workers) == 2
        os.close(ours)
        assert server.wait(DEADLINE) == 0
        assert all(map(has_ended, workers))


def test_a_version_with_larger_metrics_tables_asks_for_a_restart_of_the_parent(run, env):
    inherited = 0, 2, 3, 4, 5, 0, TABLE_BYTES - mmap.PAGESIZE
    refused = run("serve", "--web-worker", *map(str, inherited), env=env)
    assert refused.returncode == 1
    assert "restart the parent" in refused.stderr


def test_all_end_with_an_error_if_one_cannot_start_again(serve):
    server, _ = serve()
    victim, other = workers_of(server)
    Path(".env").write_text("LEASE_SECONDS=5\n")
    victim.kill()
    server.wait_for(r"error: web worker \d cannot start any more")
    assert server.process.wait(DEADLINE) == 1
    assert has_ended(other)


def test_more_background_conversions_than_the_settings_allow_are_a_warning(serve):
    server, _ = serve(BATCH_MAX_CONCURRENT="1")
    server.wait_for("warning: BATCH_MAX_CONCURRENT is 1, but the 2 processes may convert one upload each")


def test_a_restart_applies_a_changed_env_file_and_keeps_the_old_processes_if_it_is_wrong(serve):
    server, url = serve()
    before = {worker.pid for worker in workers_of(server)}
    Path(".env").write_text("LEASE_SECONDS=5\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("error: HEARTBEAT_SECONDS is 10, with LEASE_SECONDS 5")
    server.wait_for("restart given up: web worker 0 does not start: exit code 2")
    assert {worker.pid for worker in workers_of(server)} == before
    assert live(url) == 200
    Path(".env").write_text("LEASE_SECONDS=60\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("restarted 2 web workers")
    assert not before & {worker.pid for worker in workers_of(server)}


def test_the_workers_end_when_their_parent_is_killed(serve):
    server, _ = serve()
    workers = workers_of(server)
    children = [child for worker in workers for child in worker.children(recursive=True)]
    server.process.kill()
    _, alive = psutil.wait_procs([*workers, *children], timeout=20)
    assert not alive


def test_a_failure_to_start_is_reported_once_with_its_exit_code(run, env, postgresql_server):
    postgresql_server.sql("CREATE DATABASE bare")
    try:
        failed = run("serve", env=env | {"DATABASE_URL": postgresql_server.url("bare")})
    finally:
        postgresql_server.sql("DROP DATABASE bare WITH (FORCE)")
    assert failed.returncode == 2
    assert failed.stderr == (
        "error: DATABASE_URL cannot be used: the database has no schema yet\n"
        "hint: run `orak db upgrade`, or set ORAK_DB_AUTO_UPGRADE=1\n"
    )


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "a database in SQLite"),
        ({"ORAK_DATA_DIR": "memory:"}, "a database in memory"),
        ({"DATABASE_URL": "postgresql://db/orak", "ORAK_DATA_DIR": "memory:"}, "objects in memory"),
    ],
)
def test_several_processes_need_a_database_and_a_store_that_they_can_share(orak, settings, what):
    refused = orak("serve", env={"WEB_WORKERS": "2", "JWT_SECRET": SECRET, "ORAK_PORT": "0"} | settings)
    assert refused.exit_code == 2
    error, hint = refused.stderr.splitlines()
    assert error == f"error: WEB_WORKERS is 2, but 2 processes cannot share {what}"
    assert re.fullmatch(r"hint: set .*, or WEB_WORKERS to 1", hint)


def test_a_port_in_use_is_an_error_also_if_its_owner_shares_it(serve, run, env):
    _, url = serve()
    refused = run("serve", env=env | {"ORAK_PORT": url.rpartition(":")[2]})
    assert refused.returncode == 1
    assert " is in use\nhint: choose another port" in refused.stderr


@pytest.mark.parametrize("cache", ["none", "redis"])
def test_a_change_is_seen_at_once_through_every_process(serve, orak, recording, own_redis, cache):
    server, url = serve(**({"REDIS_URL": own_redis.url} if cache == "redis" else {}))
    token = orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()
    client = {"ORAK_URL": url, "ORAK_TOKEN": token}
    record = orak("upload", str(recording), "--title", "0", "--wait", env=client).stdout.strip()
    call = {"url": f"{url}/records/async/{record}", "headers": {"Authorization": f"Bearer {token}"}}
    for n in range(1, 6):  # each call has its own connection, so that both processes answer some of them
        assert httpx.patch(json={"title": str(n)}, **call).status_code == 200
        assert {httpx.get(**call).json()["title"] for _ in range(12)} == {str(n)}
    assert server.stop(signal.SIGTERM) == 0
