"""Metrics in the text format of Prometheus.

Only the first request for metrics imports this module: `prometheus_client` takes a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from orak.application.collect_metrics import ServiceMetrics, SubscriberLag
from orak.application.ports.batch_log import BatchTotals

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(counted: ServiceMetrics | None, *others: Collector) -> bytes:
    """Return what the database has *counted*, None while it does not answer, and the metrics of *others*."""
    registry = CollectorRegistry()
    for collector in (_Snapshot(counted), *others):
        registry.register(collector)
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Snapshot(Collector):
    metrics: ServiceMetrics | None
    """None while the database does not answer."""

    def collect(self) -> Iterable[Metric]:
        yield _gauge("orak_database_up", "Whether the database answers.", self.metrics is not None)
        if self.metrics is None:
            return
        counts = self.metrics.counts
        yield _gauge("batch_processing_queue_depth", "Uploads that wait for conversion.", counts.waiting)
        yield _gauge(
            "batch_processing_oldest_waiting_seconds",
            "How long the oldest upload that may start has waited.",
            self.metrics.oldest_waiting_seconds,
        )
        yield _gauge("batch_processing_active_jobs", "Conversions under a lease.", counts.active)
        yield _gauge("batch_size", "Conversions that one batch may start.", self.metrics.batch_size)
        uploads = GaugeMetricFamily("orak_uploads", "Uploads by state.", labels=["state"])
        for state, count in (
            ("processing", counts.processing),
            ("completed", counts.completed),
            ("failed", counts.failed),
            ("orphan", counts.orphans),
        ):
            uploads.add_metric([state], count)
        yield uploads
        yield from _batches(self.metrics.batches)
        yield from _lags(self.metrics.subscribers)


def _batches(totals: BatchTotals) -> Iterable[Metric]:
    for name, meaning, value in (
        ("runs", "Batches that started a conversion.", totals.batches),
        ("full", "Batches that started as many conversions as their size allows.", totals.full),
        ("started", "Conversions that batches started.", totals.started),
        ("completed", "Conversions of batches that completed.", totals.completed),
        ("failed", "Conversions of batches that failed for good.", totals.failed),
        ("duration_seconds", "Seconds from the beginning of each batch to its last end.", totals.seconds),
    ):
        yield CounterMetricFamily(f"batch_{name}", meaning, value=value)


def _lags(subscribers: Iterable[SubscriberLag]) -> Iterable[Metric]:
    behind = GaugeMetricFamily("orak_relay_lag_events", "Events not relayed yet.", labels=["reader"])
    deferred = GaugeMetricFamily(
        "orak_relay_deferred_events", "Events that failed and will be tried again.", labels=["reader"]
    )
    seconds = GaugeMetricFamily(
        "orak_relay_lag_seconds", "Age of the oldest event not relayed yet.", labels=["reader"]
    )
    for subscriber in subscribers:
        behind.add_metric([subscriber.lag.subscriber], subscriber.lag.behind)
        deferred.add_metric([subscriber.lag.subscriber], subscriber.lag.deferred)
        seconds.add_metric([subscriber.lag.subscriber], subscriber.seconds)
    return behind, deferred, seconds


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
