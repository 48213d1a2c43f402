"""Recording with S3 storage on another origin: CORS, signed headers and the page's policy."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from client_page import COUNT, LIBRARY
from demo_server import SECRET
from orak.adapters.auth.issuing import issue_token
from orak.domain.identity import UserId
from s3_servers import KEYS, an_s3_server

DEADLINE = 30


@contextmanager
def cors_before(port):
    """Answer CORS preflights like a bucket: the S3 test server allows no signed header but Content-Type."""

    class CorsProxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self):
            self.send_response(204)
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
            self.send_header("Access-Control-Allow-Methods", "PUT, GET, HEAD")
            self.send_header("Access-Control-Allow-Headers", self.headers["Access-Control-Request-Headers"])
            self.end_headers()

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            store = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            store.request(self.command, self.path, body, dict(self.headers))  # with Host: it is signed
            answer = store.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
            store.close()

        do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = pass_on  # noqa: N815 - named by http.server

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), CorsProxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}"
    finally:
        proxy.shutdown()
        proxy.server_close()


@pytest.fixture
def served(tmp_path):
    """Serve orak with S3 storage and return its URL."""
    (tmp_path / "s3").mkdir()
    with an_s3_server(tmp_path / "s3") as store, cors_before(store.port) as endpoint:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "JWT_SECRET": SECRET,
            "S3_BUCKET_NAME": store.new_bucket().bucket,
            "S3_REGION": "ap-northeast-2",
            "S3_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        }
        command = [
            Path(sys.executable).parent / "orak",
            "serve",
            "--port",
            str(port),
            "--data-dir",
            tmp_path / "d",
        ]
        with (
            (tmp_path / "log").open("w") as log,
            subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        ):
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + DEADLINE
            try:
                while not _is_ready(url):
                    assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                    time.sleep(0.1)  # the server is another process
                yield url
            finally:
                process.terminate()
                process.wait(DEADLINE)


def _is_ready(url):
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


def test_a_recording_is_uploaded_directly_to_the_store(chromium, served):
    context = chromium.new_context()
    context.add_init_script(COUNT)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{served}/")
    page.evaluate(LIBRARY, issue_token(SECRET, UserId(1), (), timedelta(hours=1), datetime.now(UTC)))
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1500);
      const { id } = await service.stopRecording();
      const record = await settled(id);
      const sound = await fetch(record.publicUrl);
      const { byteLength: size } = await sound.arrayBuffer();
      return { record, type: sound.headers.get("content-type"), size };
    }""")
    context.close()
    assert found["record"]["processingStatus"] == "COMPLETED"
    assert found["type"] == "audio/mp4"
    assert found["size"] > 1000
    assert errors == []
