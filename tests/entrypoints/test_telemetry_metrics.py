"""What OpenTelemetry gets of what orak measures."""

import asyncio

import pytest
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
)

from orak.adapters.measurements.shared import SharedMeasurements
from orak.entrypoints.telemetry.histograms import MeasuredReader
from orak.entrypoints.telemetry.metrics import Measured


class Kept(MetricExporter):
    """Keeps the metrics of the last export, by name."""

    def __init__(self, **options):
        super().__init__(**options)
        self.metrics = {}

    def export(self, metrics_data, **_options):
        [resource] = metrics_data.resource_metrics
        self.metrics = {one.name: one for scope in resource.scope_metrics for one in scope.metrics}
        return MetricExportResult.SUCCESS

    def force_flush(self, **_options):
        return True

    def shutdown(self, **_options):
        pass

    def points(self, name):
        return {tuple(one.attributes.values()): one for one in self.metrics[name].data.data_points}


@pytest.fixture
def counted():
    return SharedMeasurements()


@pytest.fixture
def measured():
    return Measured()


@pytest.fixture
def exporting(measured):
    """Begin to export by an exporter; return what exports once more."""
    providers = []

    def exporting(exporter):
        providers.append(MeterProvider([MeasuredReader(exporter, measured)], shutdown_on_exit=False))
        measured.observed_by(providers[-1].get_meter("orak"))
        return providers[-1].force_flush

    yield exporting
    for provider in providers:
        provider.shutdown()


def test_what_is_counted_is_exported_under_dotted_names(exporting, measured, counted):
    export = exporting(kept := Kept())
    measured.counts_from(counted)
    counted.count("s3_uploads_total", 2, outcome="arrived")
    counted.observe("record_creation_seconds", 0.02, outcome="ok")
    counted.observe("record_creation_seconds", 0.001, outcome="ok")
    export()
    uploads = kept.points("s3.uploads")
    assert (uploads["arrived",].value, uploads["failed",].value) == (2, 0)
    creation = kept.metrics["record.creation"]
    [point] = creation.data.data_points
    assert (creation.unit, dict(point.attributes)) == ("s", {"outcome": "ok"})
    assert (point.count, point.sum) == (2, pytest.approx(0.021))
    assert tuple(point.explicit_bounds[:5]) == (0.001, 0.0025, 0.005, 0.01, 0.025)
    assert point.bucket_counts[:6] == [1, 0, 0, 0, 1, 0]
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert point.start_time_unix_nano == measured.began < point.time_unix_nano


def test_what_another_process_has_counted_in_the_same_table_is_left_out(exporting, measured, counted):
    counted.count("s3_uploads_total", 40, outcome="arrived")
    counted.observe("record_creation_seconds", 1, outcome="ok")
    measured.counts_from(counted)
    counted.count("s3_uploads_total", 2, outcome="arrived")
    counted.observe("record_creation_seconds", 0.5, outcome="ok")
    export = exporting(kept := Kept())
    export()
    assert kept.points("s3.uploads")["arrived",].value == 2
    point = kept.points("record.creation")["ok",]
    assert (point.count, point.sum) == (1, 0.5)


def test_an_exporter_that_wants_differences_gets_them(exporting, measured, counted):
    export = exporting(kept := Kept(preferred_temporality={Histogram: AggregationTemporality.DELTA}))
    measured.counts_from(counted)
    counted.observe("record_creation_seconds", 1, outcome="ok")
    export()
    first = kept.points("record.creation")["ok",]
    counted.observe("record_creation_seconds", 0.5, outcome="ok")
    export()
    second = kept.points("record.creation")["ok",]
    assert [(one.count, one.sum) for one in (first, second)] == [(1, 1), (1, 0.5)]
    assert second.start_time_unix_nano == first.time_unix_nano
    assert kept.metrics["record.creation"].data.aggregation_temporality is AggregationTemporality.DELTA
    export()
    assert "record.creation" not in kept.metrics


async def test_gauges_are_read_for_each_export_and_last_until_the_end(exporting, measured):
    depths = iter((3, 4))
    reads = []

    async def read():
        reads.append(asyncio.get_running_loop())
        return {
            "batch_processing_queue_depth": {(): next(depths)},
            "orak_uploads": {("failed",): 7},
            "batch_runs_total": {(): 9},
        }

    export = exporting(kept := Kept())
    with measured.reading(read):
        await asyncio.to_thread(export)
    assert reads == [asyncio.get_running_loop()]
    await asyncio.to_thread(export)
    assert reads == [asyncio.get_running_loop()]
    assert kept.points("batch.processing.queue.depth")[()].value == 3
    assert kept.points("orak.uploads")["failed",].value == 7
    assert kept.points("batch.runs")[()].value == 9
    assert "orak.dead.letters" not in kept.metrics
