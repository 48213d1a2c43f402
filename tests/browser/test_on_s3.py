"""Recording with S3 storage on another origin: CORS, signed headers and the page's policy."""
# ruff: noqa: E501 - lines of JavaScript

import base64
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
from store_fronts import a_front, conditional_puts

DEADLINE = 60


@contextmanager
def serving(folder, store, endpoint, **settings):
    """Serve orak with S3 storage and return its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = settings | {
        "PATH": os.environ["PATH"],
        "JWT_SECRET": SECRET,
        "S3_BUCKET_NAME": store.new_bucket().bucket,
        "S3_REGION": "ap-northeast-2",
        "S3_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
    }
    orak = Path(sys.executable).parent / "orak"
    command = [orak, "serve", "--port", str(port), "--data-dir", folder / "d"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + DEADLINE
        try:
            while not _is_ready(url):
                assert time.monotonic() < deadline, (folder / "log").read_text()
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


@pytest.fixture
def store_folder(tmp_path):
    folder = tmp_path / "s3"
    folder.mkdir()
    return folder


@pytest.fixture
def page(chromium):
    """Return an empty page whose errors on the console fail the test."""
    context = chromium.new_context()
    context.add_init_script(COUNT)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def foreign_page(chromium):
    """Return an empty page of another origin, and the origin."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = chromium.new_context()
        page, origin = context.new_page(), f"http://127.0.0.1:{server.server_port}"
        page.goto(f"{origin}/")
        yield page, origin
        context.close()
        server.shutdown()


def a_token():
    return issue_token(SECRET, UserId(1), (), timedelta(hours=1), datetime.now(UTC))


def test_a_recording_is_uploaded_directly_to_the_store(page, tmp_path, store_folder):
    with (
        an_s3_server(store_folder, allow_origin="*") as store,
        serving(tmp_path, store, store.url) as url,
    ):
        page.goto(f"{url}/")
        page.evaluate(LIBRARY, a_token())
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
    assert found["record"]["processingStatus"] == "COMPLETED"
    assert found["type"] == "audio/mp4"
    assert found["size"] > 1000


ON_ANOTHER_ORIGIN = """
async ([url, token, bytes]) => {
  const { Api, FileUploadService } = await import(`${url}/client/index.js`);
  const api = new Api({ baseUrl: url, token });
  const files = new FileUploadService({ api, showTitleDialog: () => "sung" });
  const file = new File([Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0))], "take.webm", { type: "audio/webm" });
  let record = await files.uploadExternalFile(file);
  while (record.processingStatus === "PROCESSING") {
    await new Promise((done) => setTimeout(done, 100));
    record = await api.json("GET", `/${record.id}`);
  }
  window.record = record;
  return record;
}
"""

LISTENING = """
async () => {
  const { peaks } = await (await fetch(record.waveformUrl)).json();
  const element = new Audio(record.publicUrl); // without CORS
  const duration = await new Promise((done, failed) => {
    element.onloadedmetadata = () => done(element.duration);
    element.onerror = () => failed(element.error);
  });
  let loudest = null; // of what Web Audio plays
  try {
    const bytes = await (await fetch(record.publicUrl, { cache: "no-store" })).arrayBuffer();
    const context = new OfflineAudioContext(1, 48000, 48000);
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes);
    source.connect(context.destination);
    source.start(0, 0.5);
    loudest = Math.max(...(await context.startRendering()).getChannelData(0));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // how fetch reports a refusal by CORS
  }
  return { peaks: peaks.length, duration, loudest };
}
"""


@pytest.mark.parametrize("bucket_allows", ["every origin", "the page alone"])
def test_a_page_of_another_origin_uploads_shows_the_waveform_and_plays(
    foreign_page, bucket_allows, tmp_path, store_folder, sung
):
    page, origin = foreign_page
    every = bucket_allows == "every origin"
    with (
        an_s3_server(store_folder, allow_origin="*") as store,
        a_front(store.port, origins=[origin], refuses=conditional_puts) as front,
        serving(tmp_path, store, store.url if every else front.url, CORS_ORIGINS=origin) as url,
    ):
        content = base64.b64encode(sung.read_bytes()).decode()
        record = page.evaluate(ON_ANOTHER_ORIGIN, [url, a_token(), content])
        assert (record["processingStatus"], record["failure"]) == ("COMPLETED", None)
        heard = page.evaluate(LISTENING)
    assert heard["peaks"] == 800
    assert heard["duration"] == pytest.approx(record["durationSeconds"], abs=1.1)
    if every:
        assert heard["loudest"] > 0.1
    else:
        assert heard["loudest"] is None  # after the redirect the page's origin is `null`
