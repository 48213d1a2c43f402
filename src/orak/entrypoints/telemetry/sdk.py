"""OpenTelemetry's SDK, configured by its standard variables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Self
from uuid import uuid4

from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.sdk import metrics as sdk_metrics
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

from orak.adapters.measurements.opentelemetry import OpenTelemetryMeasurements
from orak.adapters.traces.none import NoTraces
from orak.adapters.traces.opentelemetry import OpenTelemetryTraces
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.telemetry.recorders import Telemetry
from orak.entrypoints.telemetry.redaction import RedactingProcessor
from orak.entrypoints.telemetry.requests import TracedApp
from orak.entrypoints.telemetry.sampling import NoClientRoots
from orak.entrypoints.telemetry.variables import Asked, Signal, exporters, not_installed
from orak.version import __version__

_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""The names under which the packages of the exporters register."""

_DEFAULT_PROTOCOL = "http/protobuf"


@dataclass(frozen=True, slots=True)
class Providers:
    """Where tracers and meters come from. They are not global: a program that embeds orak has its own."""

    tracers: TracerProvider
    meters: MeterProvider

    @classmethod
    def configured(cls, variables: Mapping[str, str]) -> Self:
        """Return providers that export what *variables* ask for. Raise `InvalidSetting`."""
        resource = _resource()
        tracers: TracerProvider = NoOpTracerProvider()
        if asked := exporters("TRACES", variables):
            from_environment = sdk_trace.TracerProvider(shutdown_on_exit=False).sampler
            tracers = sdk_trace.TracerProvider(
                NoClientRoots(from_environment), resource, shutdown_on_exit=False
            )
            for exporter in _made("TRACES", asked, variables):
                tracers.add_span_processor(RedactingProcessor(exporter))
        meters: MeterProvider = NoOpMeterProvider()
        if asked := exporters("METRICS", variables):
            readers = map(_reader, _made("METRICS", asked, variables))
            meters = sdk_metrics.MeterProvider([*readers], resource, shutdown_on_exit=False)
        return cls(tracers, meters)

    def telemetry(self) -> Telemetry:
        """Return what records the work of this process."""
        tracer = self.tracers.get_tracer("orak", __version__)
        meter = self.meters.get_meter("orak", __version__)
        records = isinstance(self.tracers, sdk_trace.TracerProvider)
        measures = isinstance(self.meters, sdk_metrics.MeterProvider)
        return Telemetry(
            OpenTelemetryTraces(tracer) if records else NoTraces(),
            lambda app: TracedApp(app, tracer, meter),
            lambda beside: OpenTelemetryMeasurements(meter, beside) if measures else beside,
        )

    def shutdown(self) -> None:
        """Export what is left; this may take as long as the exporters' time limits."""
        for provider in (self.tracers, self.meters):
            if isinstance(provider, sdk_trace.TracerProvider | sdk_metrics.MeterProvider):
                provider.shutdown()


def _resource() -> Resource:
    """Describe this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win."""
    own = {"service.name": "orak", "service.version": __version__, "service.instance.id": str(uuid4())}
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})


def _made(signal: Signal, asked: Iterable[Asked], variables: Mapping[str, str]) -> Iterator[Any]:
    for one in asked:
        name, protocol = one.exporter, None
        if name == "otlp":
            protocol = _protocol(signal, variables)
            name = _PROTOCOLS[protocol]
        found = next(iter(entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=name)), None)
        if found is None and protocol is not None:
            package = f"opentelemetry-exporter-{name.replace('_', '-')}"
            raise not_installed(one, package, package)
        if found is None:
            raise InvalidSetting(
                one.variable,
                f"names {one.exporter!r}, and no such exporter is installed",
                "use otlp, console or none, or install the package of that exporter",
            )
        yield found.load()()


def _protocol(signal: Signal, variables: Mapping[str, str]) -> str:
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := variables.get(name, "").strip():
            if protocol not in _PROTOCOLS:
                raise InvalidSetting(name, f"is {protocol!r}, not http/protobuf or grpc", f"unset {name}")
            return protocol
    return _DEFAULT_PROTOCOL


def _reader(exporter: Any) -> MetricReader:  # noqa: ANN401 - entry points have no types
    return exporter if isinstance(exporter, MetricReader) else PeriodicExportingMetricReader(exporter)
