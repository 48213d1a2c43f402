"""What the meter of OpenTelemetry gets of what orak measures."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from measured import measured
from orak.adapters.measurements.opentelemetry import OpenTelemetryMeasurements
from orak.adapters.measurements.shared import SharedMeasurements


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def beside():
    return SharedMeasurements()


@pytest.fixture
def measurements(reader, beside):
    meters = MeterProvider([reader], shutdown_on_exit=False)
    yield OpenTelemetryMeasurements(meters.get_meter("orak"), beside)
    meters.shutdown()


def exported(reader):
    """Return the metrics that the reader finds, by name."""
    found = reader.get_metrics_data()
    return {one.name: one for group in found.resource_metrics[0].scope_metrics for one in group.metrics}


def test_what_is_counted_reaches_both_under_their_own_names(measurements, reader, beside):
    measurements.count("s3_uploads_total", 2, outcome="arrived")
    measurements.observe("record_creation_seconds", 0.02, outcome="ok")
    metrics = exported(reader)
    [point] = metrics["s3.uploads"].data.data_points
    assert (point.value, dict(point.attributes)) == (2, {"outcome": "arrived"})
    creation = metrics["record.creation"]
    [point] = creation.data.data_points
    assert (creation.unit, point.count, point.sum) == ("s", 1, 0.02)
    assert point.explicit_bounds[:4] == (0.001, 0.0025, 0.005, 0.01)
    shown = measured(beside)
    assert shown["s3_uploads_total", "arrived"] == 2
    assert shown["record_creation_seconds_count", "ok"] == 1


def test_requests_are_left_to_the_metric_of_the_semantic_conventions(measurements, reader, beside):
    labels = {"method": "GET", "route": "/records/async/me"}
    measurements.count("orak_http_requests_total", **labels, status="200")
    measurements.observe("orak_http_request_seconds", 0.1, **labels)
    assert reader.get_metrics_data() is None
    assert measured(beside)["orak_http_request_seconds_count", *labels.values()] == 1


def test_a_name_that_no_metric_has_is_ignored(measurements, reader):
    measurements.count("no_such_metric_total")
    measurements.observe("no_such_metric_seconds", 1)
    assert reader.get_metrics_data() is None
