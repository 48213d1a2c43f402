"""Metrics in the text format of Prometheus.

Only the first request for metrics imports this module: `prometheus_client` takes a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from orak.application.ports.metrics import READ_METRICS, Counter
from orak.entrypoints.metrics.readings import read_metrics
from orak.entrypoints.running import Running
from orak.entrypoints.telemetry.recorders import Readings

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def exposition(orak: Running) -> bytes:
    """Return all metrics: what the processes of *orak* have measured, and what can be read now."""
    registry = CollectorRegistry()
    registry.register(_Read(await read_metrics(orak)))
    registry.register(orak.counted)
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Read(Collector):
    readings: Readings

    def collect(self) -> Iterable[Metric]:
        for metric in READ_METRICS:
            if metric.name not in self.readings:
                continue
            kind = CounterMetricFamily if isinstance(metric, Counter) else GaugeMetricFamily
            family = kind(metric.name, metric.meaning, labels=metric.labels)
            for row, value in self.readings[metric.name].items():
                family.add_metric(row, value)
            yield family
