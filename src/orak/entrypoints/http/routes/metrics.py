"""What alarms and dashboards go by, in the text format of Prometheus.

The same figures whichever process answers: they are counted in the database when they are asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from litestar import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from orak.application.collect_metrics import ServiceMetrics, SubscriberLag
from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.injection import Injected
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running


@read("/metrics", opt={PUBLIC: True})
async def show_metrics(running: Injected[Running]) -> Response[bytes]:
    """Show how orak does. While the database is away, that alone is told."""
    registry = CollectorRegistry()
    try:
        registry.register(_Snapshot(await running.collect_metrics()))
    except Unavailable:
        registry.register(_Snapshot(None))
    return Response(
        generate_latest(registry),
        media_type="text/plain; version=0.0.4",  # Litestar adds the charset
        headers={"Cache-Control": "no-store"},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Snapshot(Collector):
    measures: ServiceMetrics | None

    def collect(self) -> Iterable[Metric]:
        yield _gauge("orak_database_up", "Whether the database answers.", self.measures is not None)
        if self.measures is None:
            return
        counts = self.measures.counts
        yield _gauge("batch_processing_queue_depth", "Takes in line.", counts.waiting)
        yield _gauge(
            "batch_processing_oldest_waiting_seconds",
            "How long the first take in line that may start has stood there.",
            self.measures.oldest_waiting_seconds,
        )
        yield _gauge("batch_processing_active_jobs", "Takes that somebody works on.", counts.active)
        uploads = GaugeMetricFamily("orak_uploads", "Uploads by where they stand.", labels=["state"])
        for state, count in (
            ("processing", counts.processing),
            ("completed", counts.completed),
            ("failed", counts.failed),
            ("orphan", counts.orphans),
        ):
            uploads.add_metric([state], count)
        yield uploads
        yield from _lags(self.measures.subscribers)


def _lags(subscribers: Iterable[SubscriberLag]) -> Iterable[Metric]:
    behind = GaugeMetricFamily("orak_relay_lag_events", "EventLog not yet relayed.", labels=["reader"])
    deferred = GaugeMetricFamily(
        "orak_relay_deferred_events", "EventLog set aside to be tried again.", labels=["reader"]
    )
    seconds = GaugeMetricFamily(
        "orak_relay_lag_seconds", "Age of the oldest event that is not relayed.", labels=["reader"]
    )
    for subscriber in subscribers:
        behind.add_metric([subscriber.lag.subscriber], subscriber.lag.behind)
        deferred.add_metric([subscriber.lag.subscriber], subscriber.lag.deferred)
        seconds.add_metric([subscriber.lag.subscriber], subscriber.seconds)
    return behind, deferred, seconds


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
