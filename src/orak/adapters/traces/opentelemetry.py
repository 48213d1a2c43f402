"""Traces by OpenTelemetry."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orak.adapters.traces.none import NoTraces
from orak.application.ports.traces import Attribute, Span

_w3c = TraceContextTextMapPropagator()
_nothing = NoTraces()


class OpenTelemetryTraces:
    """`Traces` whose spans a tracer of OpenTelemetry makes."""

    records = True

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        """Begin a span below the current one; none, if a sampler has left that one out."""
        above = trace.get_current_span()
        if above.get_span_context().is_valid and not above.is_recording():
            return _nothing.span(name)
        return self._recorded(name, attributes)

    @contextmanager
    def _recorded(self, name: str, attributes: Mapping[str, Attribute]) -> Iterator["_Span"]:
        with self._tracer.start_as_current_span(
            name, attributes=_named(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Span(span)

    @contextmanager
    def follow(self, name: str, traceparent: str | None, **attributes: Attribute) -> Iterator["_Span"]:
        """Begin a span that consumes what another one produced (kind CONSUMER)."""
        # Below nothing else: the task may come from a request that is not recorded.
        with (
            self.below(traceparent),
            self._tracer.start_as_current_span(
                name,
                kind=SpanKind.CONSUMER,
                attributes=_named(attributes),
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
        ):
            yield _Span(span)

    @contextmanager
    def below(self, traceparent: str | None) -> Iterator[None]:
        """Attach the context of a span that this process need not know."""
        token = context.attach(_context(traceparent))
        try:
            yield
        finally:
            context.detach(token)

    def silence(self) -> AbstractContextManager[None]:
        """Keep the instrumentations of the libraries from looking."""
        return suppress_instrumentation()


class _Span:
    """A `Span` of OpenTelemetry."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def records(self) -> bool:
        return self._span.is_recording()

    @property
    def traceparent(self) -> str:
        return traceparent_of(self._span)

    def note(self, **attributes: Attribute) -> None:
        self._span.set_attributes(_named(attributes))

    def link(self, traceparent: str) -> None:
        self._span.add_link(trace.get_current_span(_context(traceparent)).get_span_context())


@contextmanager
def unrecorded(span: trace.Span) -> Iterator[None]:
    """Make *span*, which a sampler has left out, the current one, and record nothing in the block."""
    with trace.use_span(span), suppress_instrumentation():
        yield


def traceparent_of(span: trace.Span) -> str:
    """Return the place of *span* in its trace (W3C Trace Context §3.2)."""
    here = span.get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"


def _context(traceparent: str | None) -> context.Context:
    """Return a context that holds the span of *traceparent*, and nothing if it is None or malformed."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    return _w3c.extract(carrier, context.Context())


def _named(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {f"orak.{name}": value for name, value in attributes.items()}
