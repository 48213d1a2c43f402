"""Metrics in the text format of Prometheus."""

import dataclasses
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from http_api import create_record, upload
from orak.application.ports.batch_log import BatchReport
from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.serving.request_metrics import TABLE_BYTES, RequestMetrics

BATCHES = {
    f"batch_{name}_total" for name in ("runs", "full", "started", "completed", "failed", "duration_seconds")
}


REQUESTS = "orak_http_request"


async def metrics(anonymous):
    """Return the metrics that are counted in the database."""
    return {name: value for name, value in (await all_metrics(anonymous)).items() if REQUESTS not in name[0]}


async def all_metrics(anonymous):
    answer = await anonymous.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_sum_up_the_batches(api, anonymous):
    log = api.service.persistence.batch_log
    await log.add(BatchReport(started=3, completed=1, failed=2, seconds=1.5, is_full=True))
    await log.add(BatchReport(started=1, completed=1, failed=0, seconds=0.5, is_full=False))
    shown = await metrics(anonymous)
    assert {name: value for (name, *_), value in shown.items() if name in BATCHES} == {
        "batch_runs_total": 2,
        "batch_full_total": 1,
        "batch_started_total": 4,
        "batch_completed_total": 2,
        "batch_failed_total": 2,
        "batch_duration_seconds_total": 2.0,
    }


async def test_metrics_show_waiting_uploads_and_relay_lag(api, anonymous, owner):
    await create_record(owner, await upload(owner))
    await upload(owner)
    await api.service.persistence.event_log.number()
    shown = {name: value for name, value in (await metrics(anonymous)).items() if name[0] not in BATCHES}
    assert shown.pop(("batch_processing_oldest_waiting_seconds",)) >= 0
    assert shown.pop(("orak_relay_lag_seconds", "delete-objects")) >= 0
    assert shown == {
        ("orak_database_up",): 1,
        ("batch_processing_queue_depth",): 1,
        ("batch_processing_active_jobs",): 0,
        ("orak_uploads", "processing"): 0,
        ("orak_uploads", "completed"): 0,
        ("orak_uploads", "failed"): 0,
        ("orak_uploads", "orphan"): 0,
        ("orak_relay_lag_events", "delete-objects"): 5,
        ("orak_relay_deferred_events", "delete-objects"): 0,
    }


async def test_without_a_database_the_only_metric_reports_that_it_is_down(api, anonymous):
    class UnavailableReports:
        async def count(self, *_):
            raise Unavailable("the database is unavailable")

    running = api.app.state.running
    collect_metrics = dataclasses.replace(running.use_cases.collect_metrics, reports=UnavailableReports())
    use_cases = dataclasses.replace(running.use_cases, collect_metrics=collect_metrics)
    api.app.state.running = dataclasses.replace(running, use_cases=use_cases)
    assert await metrics(anonymous) == {("orak_database_up",): 0}


async def test_every_answer_is_counted_once_under_the_template_of_its_route(anonymous, owner):
    record = await create_record(owner, await upload(owner))
    before = await answers(anonymous)
    for _ in range(2):
        assert (await owner.get(f"/records/async/{record['id']}")).status_code == 200
    assert (await owner.get("/records/async/999999")).status_code == 404
    assert (await anonymous.get("/records/async/me")).status_code == 401
    assert (await anonymous.get("/no/such/path")).status_code == 404
    assert (await anonymous.get("/another%0Apath")).status_code == 404
    assert (await anonymous.delete("/health/live")).status_code == 405
    counts = await answers(anonymous) - before
    assert counts == {
        ("GET", "/metrics", "200"): 1,  # the answer that shows the counts has not begun yet
        ("GET", "/records/async/{record_id}", "200"): 2,
        ("GET", "/records/async/{record_id}", "404"): 1,
        ("GET", "/records/async/me", "401"): 1,
        ("GET", "(unknown path)", "404"): 2,
        ("DELETE", "/health/live", "405"): 1,
    }


async def answers(anonymous):
    """Return how many answers were counted, by method, route and status."""
    shown = await all_metrics(anonymous)
    return Counter(
        {tuple(labels): n for (name, *labels), n in shown.items() if name == "orak_http_requests_total"}
    )


def test_processes_that_share_tables_add_up_and_a_successor_continues_the_table():
    tables = memoryview(bytearray(2 * TABLE_BYTES))
    first, second = RequestMetrics(tables, 0), RequestMetrics(tables, 1)
    first.count("GET", "/a", 200, 0.002)
    second.count("GET", "/a", 200, 0.3)
    second.count("GET", "/a", 500)
    successor = RequestMetrics(tables, 1)
    successor.count("GET", "/a", 200, 99.0)
    for reader in (first, successor, RequestMetrics(tables, 0)):
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in reader.collect()
            for sample in family.samples
        }
        assert samples["orak_http_requests_total", "GET", "/a", "200"] == 3
        assert samples["orak_http_requests_total", "GET", "/a", "500"] == 1
        assert samples["orak_http_request_seconds_count", "GET", "/a"] == 3
        assert samples["orak_http_request_seconds_sum", "GET", "/a"] == pytest.approx(99.302)
        buckets = {
            labels[-1]: value
            for (name, *labels), value in samples.items()
            if name == "orak_http_request_seconds_bucket"
        }
        assert (buckets["0.001"], buckets["0.0025"], buckets["0.5"], buckets["10.0"], buckets["+Inf"]) == (
            0,
            1,
            2,
            2,
            3,
        )


def test_the_table_of_another_version_is_not_read():
    tables = memoryview(bytearray(2 * TABLE_BYTES))
    RequestMetrics(tables, 1).count("GET", "/a", 200)
    tables.cast("Q")[TABLE_BYTES // 8] += 1  # the mark of the layout
    (counter, _) = RequestMetrics(tables, 0).collect()
    assert not counter.samples
    (counter, _) = RequestMetrics(tables, 1).collect()
    assert not counter.samples


def test_tables_may_have_more_room_than_this_version_needs():
    room = 2 * TABLE_BYTES
    tables = memoryview(bytearray(2 * room))
    for own in range(2):
        RequestMetrics(tables, own, room).count("GET", "/a", 200)
    assert tables.cast("Q")[room // 8]  # the mark of the layout
    (counter, _) = RequestMetrics(tables, 0, room).collect()
    assert counter.samples[0].value == 2


def test_methods_and_rows_are_bounded_whatever_clients_send():
    metrics = RequestMetrics()
    for number in range(5000):
        metrics.count(f"METHOD{number % 7}", f"/{number}", 405)
    (counter, _) = metrics.collect()
    assert sum(sample.value for sample in counter.samples) == 5000
    assert len(counter.samples) == 4096
    assert {sample.labels["method"] for sample in counter.samples} == {"(other)"}
