"""Clients that never give up: they bring their takes in whatever happens."""

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

from reliability.history import History, Take

SECRET = "a secret that only these trials know"
_RATE = 16_000
_OTHER_RATES = (8_000, 12_000, 24_000, 32_000)
_PATIENCE_SECONDS = 20.0
_AWAY, _FAULT = 503, 500


def a_take(seconds: float, rate: int = _RATE) -> bytes:
    """A sung wav of just this length at `_RATE`; at another *rate* as many bytes make another length."""
    frames = b"".join(
        struct.pack("<h", int(8_000 * math.sin(number / 6))) for number in range(int(seconds * _RATE))
    )
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(frames), b"WAVE")
    header += struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return header + struct.pack("<4sI", b"data", len(frames)) + frames


def _md5(content: bytes) -> str:
    """Return what an S3 server has for an ETag."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _says_try_again(method: str, answer: httpx.Response) -> bool:
    """Whether a deletion met one change of its take after the other, as may be where statements are slow."""
    return (method, answer.status_code) == ("DELETE", 409) and '"CONFLICT"' in answer.text


class Singer:
    """Somebody with takes to bring in, and some to delete."""

    def __init__(
        self, number: int, apis: Sequence[str], history: History, seed: int, *, meddles: bool = False
    ) -> None:
        """Sing by any of *apis*; who *meddles* sends other bytes to the same URL too, at any time."""
        self._meddles = meddles
        self._number = number
        self._apis = apis
        self._history = history
        self._random = random.Random(f"{seed} {number}")
        claims = {"sub": str(number), "exp": int(time.time()) + 3600}
        self._token = jwt.encode(claims, SECRET, "HS256")

    async def sing_until(self, stop: asyncio.Event) -> None:
        """Bring in take after take; the one that is begun is brought to its end."""
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as http:
            while not stop.is_set():
                await self._bring_in(http)
                await asyncio.sleep(self._random.uniform(0.2, 1.5))

    async def _bring_in(self, http: httpx.AsyncClient) -> None:
        number = len(self._history.takes)
        take = Take(f"take {number} of {self._number}", round(self._random.uniform(0.2, 0.9), 2))
        self._history.takes.append(take)
        content = a_take(take.seconds)
        take.contents[_md5(content)] = take.seconds
        signed = await self._call(
            http,
            "POST",
            "/records/async/presigned-url",
            key=f"p{number}",
            json={
                "originalFilename": f"secret song {number}.wav",
                "fileSize": len(content),
                "contentType": "audio/wav",
                "createOnly": not self._meddles,
            },
        )
        answer = signed.json()
        take.upload_id = answer["uploadId"]
        steps = [lambda: self._put(http, answer, content), lambda: self._name(http, take, number)]
        if self._random.random() < 0.15:  # bytes may land after their take was named
            steps.reverse()
        async with asyncio.TaskGroup() as meddling:
            if self._meddles:
                meddling.create_task(self._meddle(http, answer, take))
            for step in steps:
                await step()
        if self._random.random() < 0.15:
            await asyncio.sleep(self._random.uniform(0, 0.5))
            take.delete_tried = True
            await self._call(http, "DELETE", f"/records/async/{take.record_id}", also=frozenset({404}))
            take.delete_acknowledged = True

    async def _put(self, http: httpx.AsyncClient, signed: dict, content: bytes) -> None:
        # 412: an attempt that seemed to fail had not. 403 and 404 are a store's that is just starting.
        while True:
            answer = await self._send(http, "PUT", signed["presignedUrl"], signed["headers"], content=content)
            if answer is not None and answer.status_code in {200, 204, 412}:
                return
            await asyncio.sleep(0.2)

    async def _meddle(self, http: httpx.AsyncClient, signed: dict, take: Take) -> None:
        for _ in range(self._random.randint(1, 3)):
            await asyncio.sleep(self._random.uniform(0, 0.6))
            rate = self._random.choice(_OTHER_RATES)
            content = a_take(take.seconds, rate)
            take.contents[_md5(content)] = take.seconds * _RATE / rate
            await self._send(http, "PUT", signed["presignedUrl"], signed["headers"], content=content)

    async def _name(self, http: httpx.AsyncClient, take: Take, number: int) -> None:
        body = {"title": take.title, "uploadId": take.upload_id}
        answer = await self._call(http, "POST", "/records/async", key=f"r{number}", json=body)
        take.record_id = answer.json()["id"]

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
        """Ask any of the processes until one does it."""
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        while True:
            answer = await self._send(http, method, self._random.choice(self._apis) + path, headers, **body)
            if answer is not None:
                if answer.status_code in {200, 204} | also:
                    return answer
                if answer.status_code != _AWAY and not _says_try_again(method, answer):
                    said = f"{answer.status_code} {answer.text[:200]}"
                    self._history.surprises.append(f"{method} {path}: {said}")
                if answer.status_code == _FAULT:
                    self._history.failed_requests.append(answer.headers["X-Request-Id"])
            await asyncio.sleep(self._random.uniform(0.1, 0.4))

    async def _send(
        self, http: httpx.AsyncClient, method: str, url: str, headers: dict[str, str], **body
    ) -> httpx.Response | None:
        is_oraks, began = url.startswith(tuple(self._apis)), time.monotonic()
        self._history.requests += 1
        try:
            return await http.request(method, url, headers=headers, **body)
        except httpx.TransportError:
            return None
        finally:
            if is_oraks:  # a store of its own answers for itself
                self._history.took(f"{method} {urlsplit(url).path}", time.monotonic() - began)
