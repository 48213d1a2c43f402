"""One trace from a request to `orak serve` through SQL, S3 and Redis to the conversion in `orak worker`."""

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import quote

import httpx
import pytest

from orak.client import OrakClient
from otlp_receiver import a_collector
from s3_servers import KEYS

SECRET = "s" * 32
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TITLE, FILE_NAME = "My Secret Title", "비밀 노래 my-song"
SERVER, CLIENT, CONSUMER = 2, 3, 5  # SpanKind in trace.proto


@pytest.fixture
def collector():
    with a_collector() as collector:
        yield collector


@pytest.fixture
def env(postgresql_url, s3_server, redis_server, collector):
    bucket = s3_server.new_bucket()
    return {
        "JWT_SECRET": SECRET,
        "DATABASE_URL": postgresql_url,
        "S3_BUCKET_NAME": bucket.bucket,
        "S3_ENDPOINT_URL": bucket.endpoint_url,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "REDIS_URL": redis_server.url,
        "IMMEDIATE_SLOTS": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


def started(start, env):
    worker = start("worker", env=env)
    server = start("serve", "--port", 0, env=env)
    worker.wait_for("ready: ")
    return worker, server, server.wait_for(r"serves (http://\S+)")[1]


def named(spans, name):
    return [span for span in spans if span.name == name]


def test_one_trace_holds_the_request_its_sql_its_s3_and_the_conversion_elsewhere(
    start, orak, env, collector, recording
):
    recording = recording.rename(recording.with_name(f"{FILE_NAME}.webm"))
    worker, server, url = started(start, env)
    token = orak("token", env=env).stdout.strip()
    with OrakClient(url, token) as client:
        signed = client.presign(recording.name, size=recording.stat().st_size)
        client.put(signed, recording)
    answer = httpx.post(
        f"{url}/records/async",
        json={"title": TITLE, "uploadId": signed.upload_id},
        headers={"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{CALLER}-01"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    conversion = collector.wait_for(lambda seen: seen.span("convert upload"))
    assert (server.stop(signal.SIGTERM), worker.stop(signal.SIGTERM)) == (0, 0)

    trace = [span for span in collector.spans if span.trace == TRACE]
    [request] = [span for span in trace if span.kind == SERVER]
    assert (request.name, request.parent) == ("POST /records/async", CALLER)
    in_server = [span for span in trace if span.process == request.process]
    assert all(request in collector.ancestors(span) for span in in_server if span is not request)
    assert [span for span in in_server if "INSERT INTO records" in str(span.attributes.get("db.statement"))]
    [head] = named(in_server, "HEAD")
    assert head.attributes["http.url"].startswith(env["S3_ENDPOINT_URL"])
    assert [span for span in in_server if span.attributes.get("db.system") == "redis"]

    assert (conversion.kind, conversion.trace, conversion.parent) == (CONSUMER, TRACE, request.id)
    assert conversion.process != request.process
    assert conversion.attributes["orak.upload_id"] == signed.upload_id
    assert conversion.attributes["orak.status"] == "COMPLETED"
    in_worker = [span for span in trace if span.process == conversion.process and span is not conversion]
    assert all(conversion in collector.ancestors(span) for span in in_worker)
    assert len(named(in_worker, "convert audio")) == 1
    assert len(named(in_worker, "S3.GetObject")) == 1
    assert len(named(in_worker, "S3.PutObject")) == 2
    assert [span for span in in_worker if "UPDATE uploads" in str(span.attributes.get("db.statement"))]

    assert all(span.kind != CLIENT or span.parent for span in collector.spans)
    text = "".join(span.text for span in collector.spans)
    signature = signed.presigned_url.split("X-Amz-Signature=")[1].split("&")[0]
    for secret in (
        TITLE,
        FILE_NAME,
        "my-song",
        quote("비밀"),
        token,
        token.split(".")[2],
        signature,
        "X-Amz-",
    ):
        assert secret not in text, secret
    for described in collector.resources:
        assert (described["service.name"], described["telemetry.sdk.language"]) == ("orak", "python")


def served(start, endpoint, **env):
    env |= {"JWT_SECRET": SECRET, "BATCH_ENABLED": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    server = start("serve", "--port", 0, env=env)
    return server, server.wait_for(r"serves (http://\S+)")[1]


def test_metrics_are_exported_under_dotted_names(start, collector):
    server, url = served(start, collector.url, OTEL_TRACES_EXPORTER="none", OTEL_METRIC_EXPORT_INTERVAL="500")
    assert httpx.get(f"{url}/records/async/7").status_code == 401
    assert httpx.post(f"{url}/records/async").status_code == 401
    collector.wait_for(lambda seen: "batch.processing.queue.depth" in seen.metrics)
    server.stop(signal.SIGTERM)
    [(_, depth, _)] = collector.metrics["batch.processing.queue.depth"]
    [(_, up, _)] = collector.metrics["orak.database.up"]
    assert (depth.as_double, up.as_double) == (0, 1)
    outcomes = {one["outcome"]: point.count for one, point, _ in collector.metrics["record.creation"]}
    assert outcomes == {"refused": 1}
    assert [unit for _, _, unit in collector.metrics["record.creation"]] == ["s"]
    requests = collector.metrics["orak.http.requests"]
    counts = {(one["route"], one["status"]): point.as_double for one, point, _ in requests}
    assert counts["/records/async/{record_id}", "401"] == 1
    seconds = {one["route"]: point.count for one, point, _ in collector.metrics["orak.http.request"]}
    assert seconds["/records/async/{record_id}"] == 1
    assert collector.spans == []


def test_a_collector_that_never_answers_does_not_hold_up_the_end(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server, url = served(start, f"http://127.0.0.1:{silent.getsockname()[1]}")
        httpx.get(f"{url}/records/async/7")
        assert server.stop(signal.SIGTERM) == 0  # 1 is the forced end after 10 s
    assert "the last spans and metrics are lost" in server.output
    assert "Traceback" not in server.output


def test_telemetry_is_read_from_the_file_too_and_its_keys_are_masked(orak, tmp_path):
    (tmp_path / ".env").write_text("OTEL_TRACES_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_HEADERS=key=hush\n")
    rows = {row["name"]: row for row in map(json.loads, orak("config").stdout.splitlines())}
    assert rows["OTEL_TRACES_EXPORTER"]["value"] == "otlp"
    assert rows["OTEL_TRACES_EXPORTER"]["origin"] == "OTEL_TRACES_EXPORTER in .env"
    assert rows["OTEL_EXPORTER_OTLP_HEADERS"]["value"] == "********"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_telemetry_without_its_packages_is_one_line_and_a_hint(orak, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    refused = orak(command, env={"JWT_SECRET": SECRET, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert refused.exit_code == 2
    assert refused.stderr == (
        "error: OTEL_EXPORTER_OTLP_ENDPOINT is set, but opentelemetry.sdk.trace is not installed\n"
        "hint: pip install 'orak[otel]'\n"
    )


def test_a_process_without_telemetry_does_not_load_the_sdk():
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from orak import Settings\n"
        "from orak.entrypoints.http.app import create_app\n"
        "from orak.entrypoints.running import run\n"
        "from orak.entrypoints.telemetry.opening import telemetry\n"
        "async def main():\n"
        "    settings = Settings(data_dir=Path('memory:'), jwt_secret='s' * 32)\n"
        "    async with telemetry({}) as recorders, run(settings, telemetry=recorders):\n"
        "        create_app(settings, None, traced=recorders.traced)\n"
        "asyncio.run(main())\n"
        "print({'opentelemetry.sdk', 'opentelemetry.trace'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
