import json
import secrets
import signal
import sqlite3
import subprocess
import sys
import time

import httpx
import pytest

from cli_processes import DEADLINE
from orak.client import OrakClient

SECRET = "s" * 32


@pytest.fixture
def on_aws(aws_server):
    """Settings with names that no other test uses, before `orak aws setup`."""
    name = secrets.token_hex(6)
    return aws_server.env | {
        "EVENTBRIDGE_BUS_NAME": f"bus-{name}",
        "EVENTBRIDGE_RULE_NAME": f"rule-{name}",
        "S3_BUCKET_NAME": aws_server.new_bucket(),
        "JWT_SECRET": SECRET,
    }


def lines(result):
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def events_finding(orak, env):
    rows = [json.loads(line) for line in orak("doctor", "events", env=env).stdout.splitlines()]
    return next(row for row in reversed(rows) if row["name"] == "events")


def test_setup_prints_what_it_made_and_the_settings(orak, on_aws):
    queue = f"queue-{on_aws['EVENTBRIDGE_BUS_NAME']}"
    planned = lines(orak("aws", "setup", "--dry-run", "--json", "--queue", queue, env=on_aws))
    assert {step["state"] for step in planned[:-1]} == {"to be made"}
    assert "SQS_QUEUE_URL" not in planned[-1]["settings"]
    made = lines(orak("aws", "setup", "--queue", queue, env=on_aws))
    assert {step["state"] for step in made[:-1]} == {"made"}
    settings = made[-1]["settings"]
    assert settings["EVENTBRIDGE_BUS_NAME"] == on_aws["EVENTBRIDGE_BUS_NAME"]
    assert settings["EVENTBRIDGE_RULE_NAME"] == on_aws["EVENTBRIDGE_RULE_NAME"]
    assert settings["SQS_QUEUE_URL"].endswith(f"/{queue}")
    # With these settings a second run finds everything, the queue by its URL.
    again = lines(orak("aws", "setup", env=on_aws | settings))
    assert {step["state"] for step in again[:-1] if step["kind"] != "bucket"} == {"is right"}
    assert events_finding(orak, on_aws | settings)["level"] == "ok"


def test_setup_proposes_names_without_settings(orak, aws_server):
    # A region in which no other test creates resources.
    elsewhere = aws_server.env | {"AWS_REGION": "sa-east-1", "S3_REGION": "sa-east-1"}
    planned = lines(orak("aws", "setup", "--dry-run", env=elsewhere))
    assert planned[-1]["settings"] == {
        "EVENTBRIDGE_BUS_NAME": "orak-processing-bus",
        "EVENTBRIDGE_RULE_NAME": "upload-processing-rule",
    }
    assert [step["name"] for step in planned if step.get("kind") == "queue"] == ["orak-processing-queue"]


@pytest.mark.parametrize("elsewhere", [{"S3_ENDPOINT_URL": "http://127.0.0.1:9"}, {"S3_REGION": "us-east-1"}])
def test_a_bucket_whose_events_do_not_reach_the_bus_is_skipped_with_a_warning(orak, on_aws, elsewhere):
    planned = orak("aws", "setup", "--dry-run", env=on_aws | elsewhere)
    assert "warning: skipping bucket" in planned.stderr
    assert "bucket" not in {step.get("kind") for step in lines(planned)}


def test_the_template_has_the_configured_names(orak, on_aws):
    printed = json.loads(orak("aws", "template", "--queue", "q", env=on_aws).stdout)
    defaults = {name: one["Default"] for name, one in printed["Parameters"].items()}
    assert defaults["BusName"] == on_aws["EVENTBRIDGE_BUS_NAME"]
    assert (defaults["BucketName"], defaults["QueueName"]) == (on_aws["S3_BUCKET_NAME"], "q")


def test_the_template_needs_no_aws_client():
    program = (
        "import sys; sys.modules['aioboto3'] = None\n"
        "from orak.entrypoints.cli import main; main(['aws', 'template'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Resources"]


def test_errors_of_setup_are_one_line_and_a_hint(orak, on_aws, monkeypatch):
    refused = orak("aws", "setup", env=on_aws | {"S3_BUCKET_NAME": "no-such-bucket-of-ours"})
    assert refused.exit_code == 1
    assert "error: S3 answered 404 (NoSuchBucket)" in refused.stderr
    refused = orak("aws", "setup", env=on_aws | {"EVENTBRIDGE_BUS_NAME": "arn:aws:events:x:1:event-bus/y"})
    assert refused.exit_code == 2
    assert "error: EVENTBRIDGE_BUS_NAME is an ARN" in refused.stderr
    refused = orak("aws", "setup", env=on_aws | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert "error: SQS does not answer" in refused.stderr
    monkeypatch.setitem(sys.modules, "orak.adapters.aws.clients", None)
    monkeypatch.setitem(sys.modules, "aioboto3", None)
    refused = orak("aws", "setup", env=on_aws)
    assert refused.exit_code == 2
    assert "hint: pip install 'orak[aws]'" in refused.stderr


def test_the_doctor_warns_of_a_missing_bus_and_queue(orak, on_aws, aws_server):
    assert events_finding(orak, {})["detail"] == "inside orak, without EventBridge and SQS"
    found = events_finding(orak, on_aws)
    assert (found["level"], "ResourceNotFoundException" in found["detail"]) == ("warn", True)
    assert "orak aws setup" in found["hint"]
    bus = {"EVENTBRIDGE_BUS_NAME": "default"}
    url = aws_server.new_queue()
    assert events_finding(orak, on_aws | bus | {"SQS_QUEUE_URL": url})["level"] == "ok"
    assert events_finding(orak, on_aws | bus | {"SQS_QUEUE_URL": f"{url}-not"})["level"] == "warn"


def test_serve_and_worker_convert_a_late_upload_by_events_alone(start, orak, on_aws, recording):
    made = lines(orak("aws", "setup", "--queue", on_aws["EVENTBRIDGE_BUS_NAME"], env=on_aws))
    env = on_aws | {
        "BATCH_ENABLED": "false",
        "SWEEP_INTERVAL_MS": "3600000",
        "IMMEDIATE_SLOTS": "0",
    }
    worker = start("worker", env=env | {"SQS_QUEUE_URL": made[-1]["settings"]["SQS_QUEUE_URL"]})
    server = start("serve", "--port", 0, env=env)
    url = server.wait_for(r"serves (http://\S+)")[1]
    worker.wait_for(r"ready: converts up to \d+ uploads at once; woken by events")
    token = orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    content = recording.read_bytes()
    with httpx.Client(base_url=url, headers=headers) as http, OrakClient(url, token) as client:
        upload = {
            "originalFilename": "노래 + 1.webm",
            "fileSize": len(content),
            "contentType": "audio/webm",
        }
        signed = http.post("/records/async/presigned-url", json=upload).json()
        named = {"title": "늦은 노래", "uploadId": signed["uploadId"]}
        record = http.post("/records/async", json=named).json()
        assert record["processingStatus"] == "PROCESSING"
        httpx.put(signed["presignedUrl"], content=content, headers=signed["headers"]).raise_for_status()
        assert client.wait(record["id"], timeout=DEADLINE).processing_status == "COMPLETED"
    with sqlite3.connect("orak-data/orak.db") as database:
        assert database.execute("SELECT attempt, failures FROM uploads").fetchall() == [(1, 0)]
    began = time.monotonic()
    assert worker.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in worker.output
