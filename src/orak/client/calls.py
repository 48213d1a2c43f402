"""A call before it is sent: what both clients send, each in its own way."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import httpx

from orak.client.errors import FileChanged

T = TypeVar("T")

_TOKEN = re.compile(r"[\x21-\x7e]+")  # RFC 6750 §2.1 allows less; what it is worth is the server's to say
_CHUNK = 64 * 1024

OnBytes: TypeAlias = Callable[[int, int], None]
"""Told of bytes sent, and of how many there are in all; starts again at 0 if the sending does."""


class FileBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file as the body of a request, read while it is sent, from its beginning each time it is sent."""

    def __init__(self, path: Path, size: int, on_progress: OnBytes | None) -> None:
        self._path = path
        self.size = size
        self._on_progress = on_progress

    def __iter__(self) -> Generator[bytes, None, None]:
        with self._path.open("rb") as file:
            sent = 0
            while chunk := file.read(_CHUNK):
                sent = self._count(sent, chunk)
                yield chunk
            self._check_complete(sent)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with await asyncio.to_thread(self._path.open, "rb") as file:
            sent = 0
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                sent = self._count(sent, chunk)
                yield chunk
            self._check_complete(sent)

    def _count(self, sent: int, chunk: bytes) -> int:
        sent += len(chunk)
        if sent > self.size:
            raise FileChanged(f"{self._path} grew while it was sent")
        if self._on_progress is not None:
            self._on_progress(sent, self.size)
        return sent

    def _check_complete(self, sent: int) -> None:
        if sent != self.size:
            raise FileChanged(f"{self._path} shrank while it was sent")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of orak's API, or of the store if it has a `file`."""

    method: str
    url: str
    """Below the client's base URL; the whole URL if it has a `file`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Mapping[str, object] | None = None
    file: FileBody | None = None
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once."""
    timeout: float | None = None
    """Seconds that any pause in it may last; None is as long as the client's own."""
    after: float = 0.0
    """Seconds to let pass before it is sent."""

    def build(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the request as *http* is to send it."""
        if self.file is None:
            return http.build_request(
                self.method,
                self.url,
                headers=self.headers,
                params=self.params,
                json=self.json,
                timeout=httpx.USE_CLIENT_DEFAULT if self.timeout is None else self.timeout,
            )
        # Made by hand: a store refuses headers that were not signed, and the token is none of its business.
        url = httpx.URL(self.url)
        headers = httpx.Headers({"Content-Length": str(self.file.size), **self.headers})
        headers.setdefault("Host", url.netloc.decode("ascii"))
        return httpx.Request(self.method, url, headers=headers, stream=self.file)


Flow: TypeAlias = Generator[Call, httpx.Response, T]
"""A conversation with orak that is not bound to any way of sending.

It yields calls, is sent each one's answer (or thrown httpx's error), and returns its result. The blocking and
the asynchronous client drive the same flows, so what is said and understood is written once.
"""


def base_url_of(url: str) -> str:
    """Check that *url* can be talked to. Raise `ValueError` if it is no http(s) URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"{url!r} is no http:// or https:// URL")
    return url


def api_headers(token: str, language: str | None) -> dict[str, str]:
    """Return what every request of orak's API says: who asks, and in which language to answer.

    Raise `ValueError` for a token that no header can hold; it is not repeated in the message.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token is empty, or holds what no token holds")
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "orak-python"}
    return headers | ({"Accept-Language": language} if language else {})
