"""Clients that retry until each of their records is created, whatever fails."""

import asyncio
import hashlib
import math
import random
import struct
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import jwt

from reliability.history import ClientRecord, History

SECRET = "the signing secret of the chaos trials"
_RATE = 16_000
_OTHER_RATES = (8_000, 12_000, 24_000, 32_000)
_TIMEOUT_SECONDS = 20.0
_UNAVAILABLE, _INTERNAL_ERROR = 503, 500


def a_wav(seconds: float, rate: int = _RATE) -> bytes:
    """Return a WAV file with as many bytes as *seconds* take at `_RATE`.

    Another *rate* in its header gives the same number of bytes another duration.
    """
    frames = b"".join(
        struct.pack("<h", int(8_000 * math.sin(number / 6))) for number in range(int(seconds * _RATE))
    )
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(frames), b"WAVE")
    header += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return header + struct.pack("<4sI", b"data", len(frames)) + frames


def _md5(content: bytes) -> str:
    """Return the ETag that an S3 server gives to *content*."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _must_retry(method: str, answer: httpx.Response) -> bool:
    """Return whether a deletion kept conflicting with other changes, as it may on a slow database."""
    return (method, answer.status_code) == ("DELETE", 409) and '"CONFLICT"' in answer.text


class ChaosClient:
    """A client that creates records one after another, and deletes some of them."""

    def __init__(
        self, number: int, apis: Sequence[str], history: History, seed: int, *, overwrites: bool = False
    ) -> None:
        """Call any of *apis*. With *overwrites*, also send other contents to the presigned URLs."""
        self._overwrites = overwrites
        self._number = number
        self._apis = apis
        self._history = history
        self._random = random.Random(f"{seed} {number}")
        claims = {"sub": str(number), "exp": int(time.time()) + 3600}
        self._token = jwt.encode(claims, SECRET, "HS256")
        history.secrets.add(self._token)

    async def run_until(self, stop: asyncio.Event) -> None:
        """Create record after record until *stop*; finish the one that was begun."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as http:
            while not stop.is_set():
                await self._create_record(http)
                await asyncio.sleep(self._random.uniform(0.2, 1.5))

    async def _create_record(self, http: httpx.AsyncClient) -> None:
        number = len(self._history.records)
        seconds = round(self._random.uniform(0.2, 0.9), 2)
        record = ClientRecord(f"record {number} of client {self._number}", seconds)
        self._history.records.append(record)
        content = a_wav(record.seconds)
        record.contents[_md5(content)] = record.seconds
        signed = await self._call(
            http,
            "POST",
            "/records/async/presigned-url",
            key=f"p{number}",
            json={
                "originalFilename": f"secret song {number}.wav",
                "fileSize": len(content),
                "contentType": "audio/wav",
                "createOnly": not self._overwrites,
            },
        )
        answer = signed.json()
        record.upload_id = answer["uploadId"]
        query = httpx.URL(answer["presignedUrl"]).params
        self._history.secrets.add(query.get("signature") or query["X-Amz-Signature"])
        steps = [lambda: self._put(http, answer, content), lambda: self._create(http, record, number)]
        if self._random.random() < 0.15:  # an object may arrive after its record was created
            steps.reverse()
        async with asyncio.TaskGroup() as overwriting:
            if self._overwrites:
                overwriting.create_task(self._overwrite(http, answer, record))
            for step in steps:
                await step()
        if self._random.random() < 0.15:
            await asyncio.sleep(self._random.uniform(0, 0.5))
            record.delete_tried = True
            await self._call(http, "DELETE", f"/records/async/{record.record_id}", also=frozenset({404}))
            record.delete_acknowledged = True

    async def _put(self, http: httpx.AsyncClient, signed: dict, content: bytes) -> None:
        # 412: an earlier PUT succeeded although its answer was lost. A store that is starting answers 403
        # or 404.
        while True:
            answer = await self._send(http, "PUT", signed["presignedUrl"], signed["headers"], content=content)
            if answer is not None and answer.status_code in {200, 204, 412}:
                return
            await asyncio.sleep(0.2)

    async def _overwrite(self, http: httpx.AsyncClient, signed: dict, record: ClientRecord) -> None:
        for _ in range(self._random.randint(1, 3)):
            await asyncio.sleep(self._random.uniform(0, 0.6))
            rate = self._random.choice(_OTHER_RATES)
            content = a_wav(record.seconds, rate)
            record.contents[_md5(content)] = record.seconds * _RATE / rate
            await self._send(http, "PUT", signed["presignedUrl"], signed["headers"], content=content)

    async def _create(self, http: httpx.AsyncClient, record: ClientRecord, number: int) -> None:
        body = {"title": record.title, "uploadId": record.upload_id}
        answer = await self._call(http, "POST", "/records/async", key=f"r{number}", json=body)
        record.record_id = answer.json()["id"]

    async def _call(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        key: str = "",
        also: frozenset[int] = frozenset(),
        **body,
    ) -> httpx.Response:
        """Call any of the APIs until one succeeds."""
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        while True:
            answer = await self._send(http, method, self._random.choice(self._apis) + path, headers, **body)
            if answer is not None:
                if answer.status_code in {200, 204} | also:
                    return answer
                if answer.status_code != _UNAVAILABLE and not _must_retry(method, answer):
                    received = f"{answer.status_code} {answer.text[:200]}"
                    self._history.surprises.append(f"{method} {path}: {received}")
                if answer.status_code == _INTERNAL_ERROR:
                    self._history.failed_requests.append(answer.headers["X-Request-Id"])
            await asyncio.sleep(self._random.uniform(0.1, 0.4))

    async def _send(
        self, http: httpx.AsyncClient, method: str, url: str, headers: dict[str, str], **body
    ) -> httpx.Response | None:
        to_orak, began = url.startswith(tuple(self._apis)), time.monotonic()
        self._history.requests += 1
        try:
            return await http.request(method, url, headers=headers, **body)
        except httpx.TransportError:
            return None
        finally:
            if to_orak:  # a separate object store is not measured
                self._history.note_duration(f"{method} {urlsplit(url).path}", time.monotonic() - began)
