"""Counters and histograms by OpenTelemetry, beside those for Prometheus."""

from opentelemetry.metrics import Meter

from orak.application.ports.measurements import Measurements
from orak.application.ports.metrics import HTTP_REQUEST_SECONDS, HTTP_REQUESTS, METRICS, Counter

_BY_CONVENTION = (HTTP_REQUESTS, HTTP_REQUEST_SECONDS)
"""What `http.server.request.duration` of the semantic conventions says already."""


class OpenTelemetryMeasurements:
    """`Measurements` that also reach a meter, under dotted names."""

    def __init__(self, meter: Meter, beside: Measurements) -> None:
        """Count with *meter* and with *beside*."""
        self._beside = beside
        counted = [metric for metric in METRICS if metric not in _BY_CONVENTION]
        self._counters = {
            metric.name: meter.create_counter(metric.dotted, metric.unit, metric.meaning)
            for metric in counted
            if isinstance(metric, Counter)
        }
        self._histograms = {
            metric.name: meter.create_histogram(
                metric.dotted,
                metric.unit,
                metric.meaning,
                explicit_bucket_boundaries_advisory=metric.bounds,
            )
            for metric in counted
            if not isinstance(metric, Counter)
        }

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add *amount* to both counters."""
        self._beside.count(name, amount, **labels)
        if (counter := self._counters.get(name)) is not None:
            counter.add(amount, labels)

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add *value* to both histograms."""
        self._beside.observe(name, value, **labels)
        if (histogram := self._histograms.get(name)) is not None:
            histogram.record(value, labels)
