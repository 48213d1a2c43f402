"""A span for each HTTP request that a sampler chooses.

OpenTelemetry's own middleware names the span before the request is routed, and puts URLs into attributes.
This one knows the route at the end, and keeps the path to itself: it may hold a signature or a file name. The
names are those of the semantic conventions for HTTP.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry import context, propagate
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, use_span

from orak.adapters.traces.opentelemetry import traceparent_of, unrecorded

_UNTRACED = ("/health/", "/metrics")
"""Probes and scrapes, which come every few seconds and say nothing."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TracedApp:
    """An ASGI application whose HTTP requests are spans, and whose trace goes on from that of the caller.

    The application sees the span of the request in the header `traceparent`, and stores it as the origin of
    what it changes. A WebSocket is passed on: it lasts for hours.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer
        self._fields = {name.encode() for name in propagate.get_global_textmap().fields}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request within a span."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        known = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in self._fields
        }
        request = {
            "http.request.method": scope["method"] if scope["method"] in _METHODS else "_OTHER",
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
        }
        span = self._tracer.start_span(
            request["http.request.method"],
            propagate.extract(known) if known else context.Context(),
            SpanKind.SERVER,
            request,
        )
        others = [field for field in scope["headers"] if field[0] not in self._fields]
        scope["headers"] = [*others, (b"traceparent", traceparent_of(span).encode())]
        if not span.is_recording():
            with unrecorded(span):
                await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, answer.send)
            finally:
                self._describe(span, request["http.request.method"], answer.attributes(scope))

    @staticmethod
    def _describe(span: Span, method: str, labels: dict[str, str | int]) -> None:
        if route := labels.get("http.route"):
            span.update_name(f"{method} {route}")
        span.set_attributes(labels)
        if "error.type" in labels:
            span.set_status(StatusCode.ERROR)


class _Answer:
    """The answer to one request as it leaves."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def attributes(self, scope: HTTPScope) -> dict[str, str | int]:
        """Return route and status; without an answer, the caller is gone."""
        known: dict[str, str | int] = {}
        if route := scope.get("path_template"):
            known["http.route"] = route
        if self._status is not None:
            known["http.response.status_code"] = self._status
        if self._status is None or self._status >= 500:
            known["error.type"] = "no answer" if self._status is None else str(self._status)
        return known
