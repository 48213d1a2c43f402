"""The receiver that docs/webhooks.md shows takes what orak signs, and nothing else."""

import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from orak.domain.webhooks import signature

DOCS = Path(__file__).parents[1] / "docs"
BODY = (
    b'{"id":1,"type":"UploadRequested","at":"2024-01-01T12:00:00Z","position":1,"uploadId":15,"version":1,'
    b'"userId":1,"status":"PENDING","attempt":0,"key":"k","originalKey":"k"}'
)


def test_the_webhook_receiver_of_the_docs():
    [receiver] = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = f"SECRETS, PORT = ['whsec_a'], {port}\n{receiver}"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    good = post(port, BODY)
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)  # another process sets no event
            assert good == 204
            assert process.stdout.readline() == "UploadRequested 15\n"
            assert post(port, BODY, forged=True) == 401
        finally:
            process.kill()


def post(port, body, *, forged=False):
    header = signature(["whsec_a"], datetime.now(UTC), body)
    return httpx.post(
        f"http://127.0.0.1:{port}", content=body + b" " * forged, headers={"Orak-Signature": header}
    ).status_code
