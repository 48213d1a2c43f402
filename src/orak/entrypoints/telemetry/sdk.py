"""OpenTelemetry's SDK, configured by its standard variables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import uuid4

from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.sdk import metrics as sdk_metrics
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

from orak.adapters.traces.opentelemetry import OpenTelemetryTraces
from orak.entrypoints.telemetry.histograms import MeasuredReader
from orak.entrypoints.telemetry.installed import installed
from orak.entrypoints.telemetry.metrics import METER, Measured
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY, Telemetry
from orak.entrypoints.telemetry.redaction import RedactingProcessor
from orak.entrypoints.telemetry.requests import TracedApp
from orak.entrypoints.telemetry.sampling import NoClientRoots
from orak.entrypoints.telemetry.variables import exporters
from orak.version import __version__


@dataclass(frozen=True, slots=True)
class Providers:
    """Where tracers and meters come from. They are not global: a program that embeds orak has its own."""

    tracers: TracerProvider
    meters: MeterProvider
    measured: Measured | None = None
    """What the meters export."""

    @classmethod
    def configured(cls, variables: Mapping[str, str]) -> Self:
        """Return providers that export what *variables* ask for. Raise `InvalidSetting`."""
        resource = _resource()
        tracers: TracerProvider = NoOpTracerProvider()
        if exporters("TRACES", variables):
            from_environment = sdk_trace.TracerProvider(shutdown_on_exit=False).sampler
            tracers = sdk_trace.TracerProvider(
                NoClientRoots(from_environment), resource, shutdown_on_exit=False
            )
            for exporter in installed("TRACES", variables):
                tracers.add_span_processor(RedactingProcessor(exporter.load()()))
        meters: MeterProvider = NoOpMeterProvider()
        measured = None
        if exporters("METRICS", variables):
            measured = Measured()
            readers = [_reader(exporter.load()(), measured) for exporter in installed("METRICS", variables)]
            meters = sdk_metrics.MeterProvider(readers, resource, shutdown_on_exit=False)
            measured.observed_by(meters.get_meter(METER, __version__))
        return cls(tracers, meters, measured)

    def telemetry(self) -> Telemetry:
        """Return what records the work of this process."""
        telemetry = NO_TELEMETRY
        if isinstance(self.tracers, sdk_trace.TracerProvider):
            tracer = self.tracers.get_tracer("orak", __version__)
            telemetry = replace(
                telemetry, traces=OpenTelemetryTraces(tracer), traced=lambda app: TracedApp(app, tracer)
            )
        if self.measured is not None:
            telemetry = replace(
                telemetry, counts_from=self.measured.counts_from, reading=self.measured.reading
            )
        return telemetry

    def shutdown(self) -> None:
        """Export what is left; this may take as long as the exporters' time limits."""
        for provider in (self.tracers, self.meters):
            if isinstance(provider, sdk_trace.TracerProvider | sdk_metrics.MeterProvider):
                provider.shutdown()


def _resource() -> Resource:
    """Describe this process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win."""
    own = {"service.name": "orak", "service.version": __version__, "service.instance.id": str(uuid4())}
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})


def _reader(exporter: Any, measured: Measured) -> MetricReader:  # noqa: ANN401 - entry points have no types
    return exporter if isinstance(exporter, MetricReader) else MeasuredReader(exporter, measured)
