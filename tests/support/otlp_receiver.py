"""A collector: it receives what a process exports by OTLP over HTTP, and decodes it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEADLINE = 60


@dataclass(frozen=True)
class Received:
    """A span as the collector sees it; ids are hexadecimal, parent is empty for a root."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    scope: str
    process: str
    """The id of the instance that exported it."""
    attributes: dict
    links: list
    text: str
    """Everything in it, for searches."""


@dataclass
class Collector:
    """What has arrived so far."""

    url: str
    spans: list[Received] = field(default_factory=list)
    metrics: dict[str, list] = field(default_factory=dict)
    """Data points by the name of their metric."""
    resources: list[dict] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, wanted: Callable[["Collector"], object]) -> object:
        """Return what *wanted* returns once that is true."""
        deadline = time.monotonic() + DEADLINE
        with self._arrived:
            while not (found := wanted(self)):
                assert self._arrived.wait(deadline - time.monotonic()), [
                    (span.name, span.scope) for span in self.spans
                ]
            return found

    def span(self, name: str) -> Received | None:
        """Return the newest span with this name."""
        return next((span for span in reversed(self.spans) if span.name == name), None)

    def children(self, parent: Received) -> list[Received]:
        return [span for span in self.spans if (span.trace, span.parent) == (parent.trace, parent.id)]

    def ancestors(self, span: Received) -> list[Received]:
        """Return the spans above *span*, the nearest first."""
        above = [one for one in self.spans if (one.trace, one.id) == (span.trace, span.parent)]
        return above and [above[0], *self.ancestors(above[0])]

    def add_traces(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            described = _attributes(resource.resource.attributes)
            self.resources.append(described)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Received(
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.name,
                            span.kind,
                            scope.scope.name,
                            described["service.instance.id"],
                            _attributes(span.attributes),
                            [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                            str(span),
                        )
                    )

    def add_metrics(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data"))
                    self.metrics[metric.name] = [
                        (_attributes(point.attributes), point, metric.unit) for point in data.data_points
                    ]


def _attributes(pairs) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def a_collector() -> Iterator[Collector]:
    """Run a collector until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with collector._arrived:
                {"/v1/traces": collector.add_traces, "/v1/metrics": collector.add_metrics}[self.path](body)
                collector._arrived.notify_all()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
