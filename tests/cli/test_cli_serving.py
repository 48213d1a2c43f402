"""`serve`, `upload`, `records` and `demo` as processes, as people and scripts see them."""

import json
import re
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from cli_processes import CliProcess

SECRET = "s" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The URL of a running `orak serve`."""
    folder = tmp_path_factory.mktemp("served")
    server = CliProcess("serve", "--port", 0, "--data-dir", folder, env={"JWT_SECRET": SECRET})
    url = server.wait_for(r"serves (http://\S+)")[1]
    yield url
    server.close()


@pytest.fixture
def orak(server, orak):
    """Run a command in this process with the server's URL and a token."""
    token = orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()

    def against_the_server(*args, **env):
        return orak(*map(str, args), env={"ORAK_URL": server, "ORAK_TOKEN": token} | env)

    return against_the_server


def test_upload_prints_the_record_id_and_nothing_else(orak, run, server, recording):
    token = orak("token", JWT_SECRET=SECRET).stdout.strip()
    env = {"ORAK_URL": server, "ORAK_TOKEN": token}
    uploaded = run("upload", recording, "--title", "첫 노래", "--wait", env=env)
    assert (uploaded.returncode, uploaded.stderr) == (0, "")
    assert re.fullmatch(r"\d+\n", uploaded.stdout)
    record = json.loads(orak("records", "get", uploaded.stdout.strip()).stdout)
    assert (record["title"], record["processingStatus"]) == ("첫 노래", "COMPLETED")


def test_records_are_json_lines_in_a_pipe(orak, recording):
    ids = [orak("upload", recording, "--title", f"recording {n}").stdout.strip() for n in range(2)]
    records = list(map(json.loads, orak("records", "list", "--limit", 2).stdout.splitlines()))
    assert [str(record["id"]) for record in records] == ids[::-1]
    assert all(len(record) == 15 for record in records)


def test_a_record_is_renamed_and_deleted(orak, recording):
    record_id = orak("upload", recording, "--title", "first", "--wait").stdout.strip()
    assert json.loads(orak("records", "rename", record_id, "둘째").stdout)["title"] == "둘째"

    refused = orak("records", "retry", record_id)
    assert refused.exit_code == 1
    assert refused.stderr == "error: Only a failed recording can be retried (CONFLICT)\n"

    assert orak("records", "delete", record_id).exit_code == 0
    gone = orak("records", "get", record_id)
    assert gone.exit_code == 1
    assert gone.stderr == f"error: Record not found: {record_id} (RECORD_NOT_FOUND)\n"


def test_errors_of_an_upload_are_reported(orak):
    broken = Path("broken.mp3")
    broken.write_text("no music")

    failed = orak("upload", broken, "--title", "broken", "--wait")
    assert failed.exit_code == 1
    assert failed.stdout.strip().isdecimal()
    assert "(UNSUPPORTED_FORMAT)" in failed.stderr

    untitled = orak("upload", broken, "--title", " ")
    assert untitled.exit_code == 2
    assert untitled.stderr.startswith("error: Invalid value for --title: it is blank\n")
    unauthenticated = orak("upload", broken, "--title", "t", "--token", "nonsense")
    assert unauthenticated.exit_code == 1
    assert "(UNAUTHORIZED)\nhint: make a new token" in unauthenticated.stderr


def test_a_record_that_cannot_be_deleted_does_not_stop_the_others(orak, recording):
    first, last = (orak("upload", recording, "--title", f"recording {n}").stdout.strip() for n in range(2))
    refused = orak("records", "delete", first, 9999999, last)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "warning: record 9999999: Record not found: 9999999 (RECORD_NOT_FOUND)",
        "error: not deleted: 9999999",
    ]
    assert orak("records", "get", last).exit_code == 1


def test_a_wait_that_times_out_hints_at_records_get(orak, recording):
    late = orak("upload", recording, "--title", "t", "--wait", "--timeout", 0)
    record_id = late.stdout.strip()
    if late.exit_code:  # otherwise the create call already converted it
        assert f"hint: run `orak records get {record_id}` to see its progress" in late.stderr


def test_a_server_that_stops_during_a_wait_is_reported_within_22_seconds(orak, start, recording):
    env = {"JWT_SECRET": SECRET, "IMMEDIATE_SLOTS": "0", "BATCH_ENABLED": "false"}
    server = start("serve", "--port", 0, env=env)
    url = server.wait_for(r"serves (http://\S+)")[1]
    token = orak("token", JWT_SECRET=SECRET).stdout.strip()
    upload = start("upload", recording, "--title", "t", "--wait", "--url", url, "--token", token)
    upload.wait_for(r"(?m)^\d+$")
    server.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    upload.wait_for(f"error: no answer from {url}")
    assert time.monotonic() - began < 22


def test_a_port_in_use_is_an_error_with_a_hint(orak, server):
    port = server.rpartition(":")[2]
    refused = orak("serve", "--port", port, JWT_SECRET=SECRET)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(
        f"error: 127.0.0.1:{port} is in use\nhint: choose another port with --port"
    )


def test_a_server_stops_within_5_seconds_while_a_client_is_still_sending(start, orak):
    token = orak("token", JWT_SECRET=SECRET).stdout.strip()
    server = start("serve", "--port", 0, env={"JWT_SECRET": SECRET})
    port = server.wait_for(r"serves http://127.0.0.1:(\d+)")[1]
    with socket.create_connection(("127.0.0.1", int(port))) as slow:
        head = f"POST /records/async HTTP/1.1\r\nHost: orak\r\nAuthorization: Bearer {token}\r\n"
        slow.sendall(f"{head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
        assert slow.recv(65536).startswith(b"HTTP/1.1 100 ")  # the body is being read
        slow.sendall(b"[")
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        assert b"".join(iter(lambda: slow.recv(65536), b"")).startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in server.output


def test_serve_refuses_a_file_that_is_not_a_database(orak):
    Path("orak.db").write_text("no database " * 100)
    refused = orak("serve", "--port", 0, "--data-dir", ".", JWT_SECRET=SECRET)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "error: the database: file is not a database",
        "hint: run `orak doctor` to check what orak needs",
    ]


def test_the_demo_converts_a_recording_and_calls_no_configured_service(run):
    unreachable = "http://127.0.0.1:9"
    events = {
        "EVENTBRIDGE_BUS_NAME": "b",
        "SQS_QUEUE_URL": f"{unreachable}/1/q",
        "AWS_ENDPOINT_URL": unreachable,
    }
    others = {"REDIS_URL": "redis://127.0.0.1:9/0", "WEBHOOK_URL": unreachable, "WEBHOOK_SECRET": "whsec_a"}
    shown = run("demo", "--once", env=events | others | {"AWS_REGION": "eu-west-1"})
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    for step in ("start", "sing", "presign", "upload", "record", "convert", "fetch"):
        assert f"✓  {step} " in shown.stdout
    assert "COMPLETED" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert stat.S_IMODE(Path("orak-data/jwt.key").stat().st_mode) == 0o600
    (fetched,) = Path("orak-data/demo").iterdir()
    assert fetched.read_bytes()[4:8] == b"ftyp"


def test_the_demo_fails_with_the_reason_of_the_conversion(run):
    Path("broken.mp3").write_text("no music")
    failed = run("demo", "broken.mp3")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: the recording was not converted:")
    assert "✗  convert  This file format is not supported (UNSUPPORTED_FORMAT)" in failed.stdout
    assert "Traceback" not in failed.stderr


def test_the_demo_serves_on_the_next_free_port_until_it_is_stopped(start, run, recording):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        demo = start("demo", recording, env={"ORAK_PORT": str(busy)})
        url, token = demo.wait_for(r"export ORAK_URL=(\S+) ORAK_TOKEN=(\S+)").groups()
    assert int(url.rpartition(":")[2]) > busy
    demo.wait_for("orak upload FILE")
    listed = run("records", "list", "--url", url, "--token", token)
    assert json.loads(listed.stdout)["title"] == "recording"
    assert demo.stop(signal.SIGINT) == 0
    demo.wait_for("Stopped. All data stays in orak-data.")
    assert "Traceback" not in demo.output
