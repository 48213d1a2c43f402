"""The metrics and the access log agree with what clients sent, however the server ends."""

import asyncio
import json
import re
import signal
from collections import Counter

import httpx
import pytest

from cli_processes import CliProcess

SECRET = "s" * 32
NEW_UPLOAD = {"originalFilename": "take.webm", "fileSize": 3, "contentType": "audio/webm"}

CALLS = [
    ("POST", "/records/async/presigned-url", 200, 60),
    ("GET", "/records/async/me", 200, 60),
    ("GET", "/records/async/4711", 404, 60),
    ("PUT", "/records/async/4711", 405, 40),
    ("GET", "/nowhere", 404, 40),
    ("GET", "/openapi.json", 200, 40),
]
"""Method, path, status, and how often: one after the other on twelve connections."""

ROUTES = {"/records/async/4711": "/records/async/{record_id}", "/nowhere": "(unknown path)"}


@pytest.fixture
def server(tmp_path):
    server = CliProcess("serve", "--port", 0, "--data-dir", tmp_path, env={"JWT_SECRET": SECRET})
    yield server
    server.close()


@pytest.fixture
def url(server):
    return server.wait_for(r"serves (http://\S+)")[1]


@pytest.fixture
def token(orak):
    return orak("token", env={"JWT_SECRET": SECRET}).stdout.strip()


async def send_all(url, token):
    """Send every call as often as the table says; return the metrics, which are asked for in a later turn."""
    limits = httpx.Limits(max_connections=12)
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, limits=limits, timeout=60
    ) as client:

        async def send(method, path, status):
            body = {"json": NEW_UPLOAD} if method == "POST" else {}
            answer = await client.request(method, path, **body)
            assert answer.status_code == status, answer.text

        calls = [(method, path, status) for method, path, status, times in CALLS for _ in range(times)]
        await asyncio.gather(*(send(*call) for call in calls))
        return (await client.get("/metrics")).text


def counted(metrics):
    """Return how many answers the metrics counted, by method, route and status."""
    found = re.findall(
        r'orak_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} ([\d.e+]+)', metrics
    )
    return {(method, route, int(status)): int(float(count)) for method, route, status, count in found}


def logged(output):
    """Return how many answers the access log has, by method, path and status."""
    lines = [json.loads(line) for line in output.splitlines()]
    return Counter(
        (line["method"], line["path"], line["status"]) for line in lines if line["event"] == "request"
    )


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_metrics_and_access_log_hold_every_answer(server, url, token, end):
    metrics = asyncio.run(send_all(url, token))
    server.stop(end)
    server.close()
    sent = {(method, path, status): times for method, path, status, times in CALLS}
    counts = counted(metrics)
    assert {
        (method, path, status): counts.get((method, ROUTES.get(path, path), status))
        for method, path, status in sent
    } == sent
    lines = logged(server.output)
    assert {
        (method, path, status): lines[method, path.replace("/nowhere", "(unknown path)"), status]
        for method, path, status in sent
    } == sent
