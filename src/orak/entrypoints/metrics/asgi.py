"""The application behind METRICS_PORT: one path, for Prometheus."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from orak.entrypoints.metrics.exposition import MEDIA_TYPE, exposition
from orak.entrypoints.running import Running

PATH = "/metrics"
_PLAIN = "text/plain; charset=utf-8"


class MetricsApp:
    """An ASGI application that answers GET and HEAD of `/metrics`, and 404 for every other path."""

    def __init__(self, orak: Running) -> None:
        self._orak = orak

    async def __call__(
        self,
        scope: Mapping[str, Any],
        _receive: Callable[[], Awaitable[object]],
        send: Callable[[Mapping[str, object]], Awaitable[None]],
    ) -> None:
        """Answer one request; its body is of no interest."""
        status, media_type, more = 200, MEDIA_TYPE, [(b"cache-control", b"no-store")]
        if scope["path"] != PATH:
            status, media_type, body = 404, _PLAIN, f"the metrics are at {PATH}\n".encode()
        elif scope["method"] not in {"GET", "HEAD"}:
            status, media_type, body = 405, _PLAIN, b"use GET\n"
            more.append((b"allow", b"GET, HEAD"))
        else:
            body = await exposition(self._orak)
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
