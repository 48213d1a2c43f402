"""Counts that processes share, and their limits."""

import mmap

from measured import measured
from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.measurements.tables import TABLE_BYTES, row_bytes
from orak.application.ports.metrics import METRICS

WORD = 8


def memory(tables, table_bytes=TABLE_BYTES):
    return memoryview(mmap.mmap(-1, tables * table_bytes))


def arrive(measurements):
    measurements.count("s3_uploads_total", outcome="arrived")
    measurements.observe("orak_storage_seconds", 0.3, operation="head")


def arrivals(measurements):
    shown = measured(measurements)
    return shown["s3_uploads_total", "arrived"], shown["orak_storage_seconds_count", "head"]


def test_processes_that_share_tables_add_up():
    tables = memory(3)
    first, second = SharedMeasurements(tables, 0), SharedMeasurements(tables, 1)
    arrive(first)
    arrive(second)
    second.count("orak_http_requests_total", method="GET", route="/a", status="200")
    for reader in (first, second, SharedMeasurements(tables, 2)):
        assert arrivals(reader) == (2, 2)
        assert measured(reader)["orak_http_requests_total", "GET", "/a", "200"] == 1


def test_a_successor_continues_the_table_of_a_process_that_ended():
    tables = memory(2)
    arrive(SharedMeasurements(tables, 1))
    successor = SharedMeasurements(tables, 1)
    arrive(successor)
    assert arrivals(successor) == (2, 2)
    assert arrivals(SharedMeasurements(tables, 0)) == (2, 2)


def test_the_table_of_another_version_is_not_read_and_a_successor_clears_it():
    tables = memory(2)
    arrive(SharedMeasurements(tables, 1))
    tables.cast("Q")[TABLE_BYTES // WORD] += 1  # the mark of the layout
    assert arrivals(SharedMeasurements(tables, 0)) == (0, 0)
    arrive(SharedMeasurements(tables, 1))
    assert arrivals(SharedMeasurements(tables, 0)) == (1, 1)


def test_tables_may_have_more_room_than_this_version_needs():
    room = 2 * TABLE_BYTES
    tables = memory(2, room)
    for own in range(2):
        arrive(SharedMeasurements(tables, own, room))
    assert tables.cast("Q")[room // WORD]  # the mark of the layout
    assert arrivals(SharedMeasurements(tables, 0, room)) == (2, 2)


def test_rows_beyond_the_limit_of_a_metric_are_counted_together():
    measurements = SharedMeasurements()
    for number in range(300):
        measurements.observe("orak_event_relay_seconds", 1.0, subscriber=f"subscriber {number}")
    counts = {
        labels[0]: value
        for (name, *labels), value in measured(measurements).items()
        if name == "orak_event_relay_seconds_count"
    }
    assert len(counts) == 100
    assert counts["(other)"] == 201
    assert sum(counts.values()) == 300


def test_a_label_that_is_too_long_or_has_lines_does_no_harm():
    tables = memory(2)
    measurements = SharedMeasurements(tables, 0)
    measurements.count("orak_http_requests_total", method="GET", route="/" + "가" * 200, status="200")
    measurements.count("orak_http_requests_total", method="GET", route="/a\nb", status="200")
    shown = measured(SharedMeasurements(tables, 1))
    assert shown["orak_http_requests_total", "(other)", "(other)", "(other)"] == 1
    assert shown["orak_http_requests_total", "GET", "/a b", "200"] == 1


def test_every_row_that_the_limits_allow_fits_into_a_table():
    needed = sum(
        metric.limit * row_bytes(2 + len(metric.bounds) if hasattr(metric, "bounds") else 1)
        for metric in METRICS
    )
    assert needed < TABLE_BYTES
    measurements = SharedMeasurements()
    for metric in METRICS:
        for number in range(metric.limit + 10):
            labels = {label: f"{number}".rjust(30, "x") for label in metric.labels}
            if hasattr(metric, "bounds"):
                measurements.observe(metric.name, 1.0, **labels)
            else:
                measurements.count(metric.name, **labels)
    shown = measured(measurements)
    assert shown["record_creation_errors_total",] == METRICS[4].limit + 10
