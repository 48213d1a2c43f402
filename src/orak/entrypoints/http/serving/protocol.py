"""The answer to input that never becomes a request: endless headers, no host, and bytes that are not HTTP."""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from time import perf_counter
from typing import Any, cast

from litestar import Litestar
from uvicorn._types import ASGI3Application, ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import describe_error
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.request_ids import HEADER, chosen_id
from orak.entrypoints.http.request_headers import RequestHeaders
from orak.entrypoints.http.serving.access_log import log_refusal
from orak.entrypoints.http.serving.live_streams import ABORT
from orak.entrypoints.http.serving.request_metrics import BEGAN, NO_REQUEST, RequestMetrics
from orak.entrypoints.running import Running

MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers. A long token has 8 KiB, and no browser sends 64 KiB."""

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?")
"""A host and an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2); an http URL has no empty host (§4.2.1)."""


class WholeAnswerCycle(RequestResponseCycle):
    """uvicorn's cycle of a request and its answer, which writes a short answer at once.

    uvicorn writes head and body one after the other: two system calls, and often two packets.
    """

    _head: HTTPResponseStartEvent | None = None
    """The head that waits for the body."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send the next part of the answer, or keep its head until the body is there."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None and message["type"] == "http.response.body":
            if self._write_whole(head, message):
                return
            await super().send(head)
        await super().send(message)

    def _write_whole(self, head: HTTPResponseStartEvent, body: HTTPResponseBodyEvent) -> bool:
        """Write an answer that is complete and leaves the connection open. Return False for any other."""
        content = body.get("body", b"")
        fields = [*self.default_headers, *head.get("headers", ())]
        if (
            body.get("more_body")
            or self.flow.write_paused
            or self.disconnected
            or not self.keep_alive
            or self.scope["method"] == "HEAD"
            or (b"content-length", b"%d" % len(content)) not in fields
            or any(name == b"connection" for name, _ in fields)
        ):
            return False
        lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        if lines.count(b"\n") != len(fields) or lines.count(b"\r") != len(fields):
            raise RuntimeError("a header holds a line break")  # it would begin another header, or the body
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[head["status"]], lines, content))
        self.response_started = self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a limit on the head of a request, and errors in the envelope.

    The parser underneath keeps an unfinished line, and every header, in memory until the head is complete.
    """

    _head = 0
    """Bytes of this request's target, headers and trailers."""
    _unread = 0
    """Bytes received since the parser last completed a part of the request."""
    _problem: Problem | None = None
    """What is wrong with the headers of this request."""
    _postponed: Problem | None = None
    """What is wrong with a request behind others that are not answered yet."""
    _answering: RequestResponseCycle | None = None
    """The request that is being answered; `cycle` is the newest one, which may wait behind it."""

    def __init__(self, *args: Any, draining: asyncio.Event | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        super().__init__(*args, **kwargs)
        self._draining = draining

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered that its client is gone.

        uvicorn tells only the newest one. An older one would write to the closed transport, which uvloop
        refuses with an error, and its application would never receive `http.disconnect`.
        """
        super().connection_lost(exc)
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse *data*; refuse input that is not HTTP or has no end, and close the connection."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self._refuse(Problem("headers", ProblemCode.TOO_LARGE, MAX_HEAD))

    def on_message_begin(self) -> None:
        """Start counting."""
        self._head = self._unread = 0
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"now": self.transport.abort}, BEGAN: {"at": perf_counter()}}

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._count(len(name) + len(value))
        super().on_header(name, value.rstrip(b" \t"))  # not part of the value (RFC 9110 §5.5)

    def on_headers_complete(self) -> None:
        """Pass the request on; its body follows."""
        self._unread = 0
        self._problem = _host_problem(
            [value for name, value in self.headers if name == b"host"], self.parser.get_http_version()
        )
        if self._problem is not None:
            raise ValueError("no valid host")  # stops the parser, like too long a head
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._unread = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Answer the next request of the connection, or refuse it."""
        super().on_response_complete()
        cycle = self._answering
        if self._postponed is not None and (cycle is None or cycle.response_complete):
            self._refuse(self._postponed)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own message
        """Refuse the request; uvicorn calls this when its parser gives up."""
        if self._head > MAX_HEAD:
            self._refuse(Problem("headers", ProblemCode.TOO_LARGE, MAX_HEAD))
        else:
            self._refuse(self._problem or Problem("request", ProblemCode.MALFORMED))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = WholeAnswerCycle  # uvicorn has no setting for the class of its cycles
        self._answering = cycle
        if self._draining is not None and self._draining.is_set() and not self.pipeline:
            cycle.keep_alive = False
        super()._start_asgi_task(cycle, app)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            raise ValueError("the head is too long")  # stops the parser, which wraps it in its own error

    def _refuse(self, problem: Problem) -> None:
        cycle = self._answering
        if cycle is None or cycle.response_complete:
            self.transport.write(self._refusal(problem))
        elif cycle is not self.cycle or not cycle.more_body:
            self._postponed = problem  # it must not overtake the answer to an earlier request
            self.flow.pause_reading()
            return
        elif not cycle.response_started:  # it is this request whose body cannot be read
            self.transport.write(self._refusal(problem))
        self.transport.close()

    def _refusal(self, problem: Problem) -> bytes:
        headers = RequestHeaders((name.lower(), value) for name, value in self.headers or ())
        request_id = chosen_id(headers)
        state = cast("Litestar", self.config.app).state
        running: Running = state.running
        counted: RequestMetrics = state.request_metrics
        answer = describe_error(
            Rejected([problem]),
            language_of(headers),
            path=_path(getattr(self, "url", b"")),
            request_id=request_id,
            at=running.clock.now(),
        )
        log_refusal(answer.status, ErrorCode.VALIDATION_FAILED, request_id)
        counted.count("", NO_REQUEST, answer.status)
        fields = {
            **answer.headers,
            HEADER: request_id,
            "X-Content-Type-Options": "nosniff",
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + answer.body


def _host_problem(hosts: Sequence[bytes], http_version: str) -> Problem | None:
    """Return what is wrong with the values of `Host` (RFC 9112 §3.2). HTTP/1.0 does without the header."""
    if not hosts:
        return None if http_version == "1.0" else Problem("Host", ProblemCode.REQUIRED)
    valid = len(hosts) == 1 and _HOST.fullmatch(hosts[0])
    return None if valid else Problem("Host", ProblemCode.INVALID)


def _path(target: bytes) -> str:
    """Return the path of a target that may be cut off. The query is left out: it may hold a signature."""
    path = target.partition(b"?")[0].decode("ascii", "replace")
    return path if path.startswith("/") else "/"
