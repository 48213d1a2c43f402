"""What never becomes a request: heads without end, and bytes that are no HTTP."""

import logging
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.datastructures import Headers
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.answers.errors import tell
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.serving.live_streams import ABORT
from orak.entrypoints.http.serving.request_ids import HEADER, chosen_id
from orak.entrypoints.running import Running

MAX_HEAD = 64 * 1024
"""Bytes of a request line and its header lines: a long token has 8 KiB, and no browser sends as much."""

_log = logging.getLogger("orak.access")
_sockets = logging.getLogger("orak.websocket")
_sockets.setLevel(logging.WARNING)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on what a request says before its body, and orak's words for refusals.

    The parser below keeps an unfinished line, and each header, in memory until the head is complete.
    """

    _head = 0
    """Bytes of this request's target and headers, trailers too."""
    _unread = 0
    """Bytes that came since the parser last made something of them."""

    def data_received(self, data: bytes) -> None:
        """Refuse what is no HTTP, or has no end, and close the connection."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self._refuse(Problem("headers", ProblemCode.TOO_LARGE, MAX_HEAD))

    def on_message_begin(self) -> None:
        """Count from here."""
        self._head = self._unread = 0
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"now": self.transport.abort}}

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request on; what follows is its body."""
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._unread = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Say what was wrong; uvicorn calls this when its parser gave up."""
        if self._head > MAX_HEAD:
            self._refuse(Problem("headers", ProblemCode.TOO_LARGE, MAX_HEAD))
        else:
            self._refuse(Problem("request", ProblemCode.MALFORMED))

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            raise ValueError("the head is too long")  # ends the parsing; the parser wraps it in its own

    def _refuse(self, problem: Problem) -> None:
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, whatever uvicorn says
        # Else it would end up inside another answer.
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(self._refusal(problem))
        self.transport.close()

    def _refusal(self, problem: Problem) -> bytes:
        headers = Headers([(name.lower(), value) for name, value in self.headers or ()])
        request_id = chosen_id(headers)
        running: Running = cast("Litestar", self.config.app).state.running
        told = tell(
            Rejected([problem]),
            language_of(headers),
            path=_path(getattr(self, "url", b"")),
            request_id=request_id,
            at=running.clock.now(),
        )
        _log.info("(no request) %d %s", told.status, request_id)
        body = msgspec.json.encode(told.envelope)
        fields = told.headers | {
            HEADER: request_id,
            "X-Content-Type-Options": "nosniff",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {told.status} {HTTPStatus(told.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class QuietWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol without its lines of whole URLs, which may hold a ticket; and it can be dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self.logger = _sockets

    async def run_asgi(self) -> None:
        """Serve one connection."""
        self.scope["extensions"][ABORT] = {"now": self.transport.abort}
        await super().run_asgi()


def _path(target: bytes) -> str:
    """Return the path of a target that may be cut off anywhere: never the query, it may hold a signature."""
    path = target.partition(b"?")[0].decode("ascii", "replace")
    return path if path.startswith("/") else "/"
