"""Goal 12: from create-record to the first byte of audio, against the ffmpeg CLI on the same file."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import conversion, servers
from benchmarks.requests import TOKEN
from benchmarks.rounds import Line, line, milliseconds
from benchmarks.servers import Server
from benchmarks.takes import write_singing

_SECONDS = 10
_CONVERTING = {
    "IMMEDIATE_SLOTS": "1",
    "IMMEDIATE_WAIT_MS": "10000",
    "BATCH_ENABLED": "true",
}


def first_byte(folder: Path, rounds: int) -> list[Line]:
    """Measure goal 12 on SQLite and local disk; nothing without ffmpeg.

    One conversion before the first round starts the converter's process, as the first user of a server does.
    """
    if not conversion.ffmpeg():
        return []
    source = write_singing(folder / "source.webm", _SECONDS)
    peer, orak = [], []
    database = {"DATABASE_URL": f"sqlite:///{folder}/orak.db"}
    with servers.orak(folder, _CONVERTING | database) as server:
        _seconds_to_audio(server, source)
        for _ in range(rounds):
            peer.append(conversion.by_ffmpeg(source, folder).seconds)
            orak.append(_seconds_to_audio(server, source))
    what = f"create to first byte of audio, {_SECONDS} s of singing, against ffmpeg alone"
    return [line("12", what, (peer, orak), milliseconds, at_most=1.3, stretch=1.1)]


def _seconds_to_audio(server: Server, source: Path) -> float:
    """Upload *source*; return the seconds from creating its record to the first byte of its audio."""
    content = source.read_bytes()
    facts = {
        "originalFilename": "recording.webm",
        "fileSize": len(content),
        "durationSeconds": _SECONDS,
        "contentType": "audio/webm",
    }
    signed = _json(server, "POST", "/records/async/presigned-url", facts)
    url = urlsplit(signed["presignedUrl"])
    with _answer(server, "PUT", f"{url.path}?{url.query}", content, signed["headers"]) as stored:
        assert stored.status < 300, stored.read()
    began = time.perf_counter()
    record = _json(server, "POST", "/records/async", {"title": "a song", "uploadId": signed["uploadId"]})
    assert record["processingStatus"] == "COMPLETED", record
    with _answer(server, "GET", urlsplit(record["publicUrl"]).path) as audio:
        assert audio.status == 200
        audio.read(1)
        return time.perf_counter() - began


def _json(server: Server, method: str, path: str, body: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with _answer(server, method, path, json.dumps(body).encode(), headers) as answer:
        content = answer.read()
        assert answer.status < 300, content
        found: dict[str, Any] = json.loads(content)
        return found


@contextmanager
def _answer(
    server: Server, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        yield connection.getresponse()
    finally:
        connection.close()
