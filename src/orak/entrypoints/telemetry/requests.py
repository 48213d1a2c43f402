"""A span and a duration for each HTTP request.

OpenTelemetry's own middleware names the span before the request is routed, and puts URLs into attributes.
This one knows the route at the end, and keeps the path to itself: it may hold a signature or a file name. The
names are those of the semantic conventions for HTTP.
"""

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry import propagate
from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from orak.adapters.traces.opentelemetry import traceparent_of

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds; the bounds that the semantic conventions advise."""

_UNTRACED = ("/health/", "/metrics")
"""Probes and scrapes, which come every few seconds and say nothing."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TracedApp:
    """An ASGI application whose HTTP requests are spans, and whose trace goes on from that of the caller.

    The application sees the span of the request in the header `traceparent`, and stores it as the origin of
    what it changes. A WebSocket is passed on: it lasts for hours.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer, meter: Meter) -> None:
        self._app = app
        self._tracer = tracer
        self._fields = {name.encode() for name in propagate.get_global_textmap().fields}
        self._durations = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request within a span."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        known = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in self._fields
        }
        request = {
            "http.request.method": scope["method"] if scope["method"] in _METHODS else "_OTHER",
            "url.scheme": scope["scheme"],
        }
        answer = _Answer(send)
        with self._tracer.start_as_current_span(
            request["http.request.method"],
            propagate.extract(known),
            SpanKind.SERVER,
            request | {"network.protocol.version": scope["http_version"]},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            if span.get_span_context().is_valid:
                others = [field for field in scope["headers"] if field[0] not in self._fields]
                scope["headers"] = [*others, (b"traceparent", traceparent_of(span).encode())]
            try:
                await self._app(scope, receive, answer.send)
            finally:
                labels = request | answer.attributes(scope)
                self._describe(span, labels)
                self._durations.record(perf_counter() - began, labels)

    @staticmethod
    def _describe(span: Span, labels: dict[str, str | int]) -> None:
        if route := labels.get("http.route"):
            span.update_name(f"{labels['http.request.method']} {route}")
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
