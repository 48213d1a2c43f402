"""The contract of `Measurements`, for every adapter."""

import logging

import pytest

from measured import measured
from orak.adapters.measurements.shared import SharedMeasurements


@pytest.fixture
def measurements():
    return SharedMeasurements()


def test_counts_add_up_by_labels(measurements):
    measurements.count("s3_uploads_total", outcome="arrived")
    measurements.count("s3_uploads_total", 2, outcome="arrived")
    measurements.count("orak_conversion_media_seconds_total", 1.5)
    shown = measured(measurements)
    assert shown["s3_uploads_total", "arrived"] == 3
    assert shown["orak_conversion_media_seconds_total",] == 1.5


def test_the_order_in_which_labels_are_given_does_not_matter(measurements):
    measurements.count("orak_conversions_total", start="batch", outcome="failed", code="CORRUPT")
    measurements.count("orak_conversions_total", outcome="failed", code="CORRUPT", start="batch")
    assert measured(measurements)["orak_conversions_total", "failed", "CORRUPT", "batch"] == 2


def test_a_histogram_holds_sum_and_number_of_values_up_to_each_bound(measurements):
    for seconds in (0.0, 0.1, 0.3, 0.5, 700.0):
        measurements.observe("orak_conversion_seconds", seconds, profile="aac-128")
    shown = measured(measurements)
    name = "orak_conversion_seconds"
    assert shown[f"{name}_count", "aac-128"] == 5
    assert shown[f"{name}_sum", "aac-128"] == pytest.approx(700.9)
    bounds = ("0.05", "0.1", "0.25", "0.5", "600.0", "+Inf")
    assert [shown[f"{name}_bucket", "aac-128", bound] for bound in bounds] == [1, 2, 2, 4, 4, 5]


def test_what_alarms_divide_by_is_zero_from_the_start(measurements):
    shown = measured(measurements)
    for name in (
        ("record_creation_errors_total",),
        ("record_creation_seconds_count", "ok"),
        ("record_creation_seconds_count", "error"),
        ("s3_uploads_total", "arrived"),
        ("s3_uploads_total", "failed"),
        ("orak_immediate_starts_total", "started"),
        ("orak_immediate_starts_total", "no_slot"),
        ("orak_conversions_total", "failed", "FAILED_TOO_OFTEN", "batch"),
        ("orak_conversion_queue_seconds_count", "wakeup"),
        ("orak_leases_lost_total",),
        ("batch_fullness_count",),
    ):
        assert shown[name] == 0


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("no_such_metric", {}),
        ("s3_uploads_total", {}),
        ("s3_uploads_total", {"outcome": "arrived", "user": "1"}),
        ("orak_conversion_seconds", {"profile": "aac-128"}),
    ],
)
def test_an_unknown_counter_is_logged_once_and_raises_nothing(measurements, caplog, name, labels):
    before = measured(measurements)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            measurements.count(name, **labels)
    assert len(caplog.records) == 1
    assert name in caplog.text
    assert measured(measurements) == before


def test_an_unknown_histogram_is_logged_and_raises_nothing(measurements, caplog):
    before = measured(measurements)
    measurements.observe("s3_uploads_total", 1.0, outcome="arrived")
    assert "s3_uploads_total" in caplog.text
    assert measured(measurements) == before
