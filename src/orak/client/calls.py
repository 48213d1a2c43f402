"""Requests before they are sent.

The blocking and the asyncio client send them in their own ways.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

import httpx

from orak.client.errors import FileChanged

T = TypeVar("T")

_TOKEN = re.compile(r"[\x21-\x7e]+")  # wider than RFC 6750 §2.1: the server decides
_CHUNK = 64 * 1024

OnBytes: TypeAlias = Callable[[int, int], None]
"""Called with the bytes sent so far and in total; starts again at 0 when a PUT is sent again."""


class FileBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file as a request body.

    Each attempt reads it from its beginning while sending.
    """

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
    """A request to orak, or to the object store if it has a `file`."""

    method: str
    url: str
    """Path below the client's base URL; the whole URL if there is a `file`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Mapping[str, object] | None = None
    file: FileBody | None = None
    repeatable: bool = True
    """Whether sending it twice has the same effect as sending it once."""
    timeout: float | None = None
    """Seconds that any pause in it may last; None is the client's own timeout."""
    after: float = 0.0
    """Seconds to wait before sending it."""

    def build(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the request for *http* to send."""
        if self.file is None:
            return http.build_request(
                self.method,
                self.url,
                headers=self.headers,
                params=self.params,
                json=self.json,
                timeout=httpx.USE_CLIENT_DEFAULT if self.timeout is None else self.timeout,
            )
        # Not by `http`: it would add unsigned headers, and send the token to the store.
        url = httpx.URL(self.url)
        headers = httpx.Headers({"Content-Length": str(self.file.size), **self.headers})
        headers.setdefault("Host", url.netloc.decode("ascii"))
        return httpx.Request(self.method, url, headers=headers, stream=self.file)


Flow: TypeAlias = Generator[Call, httpx.Response, T]
"""A sequence of calls that does no I/O itself.

It yields each call, receives the response (or httpx's error, thrown in), and returns its result. The blocking
and the asyncio client run the same flows, so each call is written once.
"""


def checked_base_url(url: str) -> str:
    """Return *url* unchanged. Raise `ValueError` if it is not an http(s) URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is not a URL: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    return url


def api_headers(token: str, language: str | None) -> dict[str, str]:
    """Return the headers of every request: the token and the language of messages.

    Raise `ValueError` for a token that no header can hold. The message does not repeat it.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token is empty or has characters that tokens cannot have")
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "orak-python"}
    return headers | ({"Accept-Language": language} if language else {})
