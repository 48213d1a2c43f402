"""Histograms in OpenTelemetry's data model: the SDK has no instrument that takes buckets as they are."""

from dataclasses import replace
from operator import sub
from time import time_ns

from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    PeriodicExportingMetricReader,
)

from orak.application.ports import metrics as ports
from orak.application.ports.metrics import Row
from orak.entrypoints.telemetry.metrics import METER, Measured


class MeasuredReader(PeriodicExportingMetricReader):
    """Exports what the SDK has collected, together with orak's histograms."""

    def __init__(self, exporter: MetricExporter, measured: Measured) -> None:
        """Export by *exporter* at the interval of OTEL_METRIC_EXPORT_INTERVAL."""
        self._measured = measured
        preferred = exporter._preferred_temporality or {}  # noqa: SLF001 - where the SDK's own reader looks
        self._temporality = preferred.get(HistogramInstrument, AggregationTemporality.CUMULATIVE)
        self._exported: dict[tuple[str, Row], list[float]] = {}
        self._exported_at: int | None = None
        super().__init__(exporter)  # this starts the thread

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> None:
        # Among the other metrics of orak's own meter: exporters take one group of each meter.
        [resource] = metrics_data.resource_metrics
        groups = [
            replace(one, metrics=[*one.metrics, *self._histograms()]) if one.scope.name == METER else one
            for one in resource.scope_metrics
        ]
        whole = MetricsData([replace(resource, scope_metrics=groups)])
        super()._receive_metrics(whole, timeout_millis, **kwargs)

    def _histograms(self) -> list[Metric]:
        now = time_ns()
        is_delta = self._temporality is AggregationTemporality.DELTA
        began = self._exported_at if is_delta and self._exported_at else self._measured.began
        points: dict[str, list[HistogramDataPoint]] = {}
        known: dict[str, ports.Histogram] = {}
        for metric, row, values in self._measured.rows():
            if not isinstance(metric, ports.Histogram):
                continue
            total, *buckets = values
            if is_delta:
                before = self._exported.get((metric.name, row), [0.0] * len(values))
                total, *buckets = map(sub, values, before)
                self._exported[metric.name, row] = values
            if not any(buckets):
                continue
            known[metric.name] = metric
            points.setdefault(metric.name, []).append(
                HistogramDataPoint(
                    attributes=dict(zip(metric.labels, row, strict=True)),
                    start_time_unix_nano=began,
                    time_unix_nano=now,
                    count=int(sum(buckets)),
                    sum=total,
                    bucket_counts=list(map(int, buckets)),
                    explicit_bounds=metric.bounds,
                    min=None,  # type: ignore[arg-type]  # optional in the protocol; the table has none
                    max=None,  # type: ignore[arg-type]  # as above
                )
            )
        self._exported_at = now
        return [
            Metric(metric.dotted, metric.meaning, metric.unit, Histogram(points[name], self._temporality))
            for name, metric in known.items()
        ]
