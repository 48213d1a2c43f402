"""Metrics in the text format of Prometheus."""

import dataclasses
import threading
import types
from collections import Counter

import msgspec
import pytest

from http_api import NEW_UPLOAD, create_record, presign, upload
from measured import parsed
from orak.adapters.measurements.shared import SharedMeasurements
from orak.application.collect_metrics import SubscriberLag
from orak.application.ports.batch_log import BatchReport
from orak.application.ports.cursors import Lag
from orak.application.ports.failures import Unavailable
from orak.application.ports.metrics import METRICS
from orak.entrypoints.http.serving.request_metrics import RequestMetrics
from orak.entrypoints.readiness import Readiness
from orak.version import __version__

BATCHES = {
    f"batch_{name}_total" for name in ("runs", "full", "started", "completed", "failed", "duration_seconds")
}


MEASURED = tuple(metric.name for metric in METRICS)
"""What the process counts itself."""


async def metrics(anonymous):
    """Return the metrics that are counted in the database."""
    shown = await all_metrics(anonymous)
    assert shown.pop(("orak_build_info", __version__)) == 1
    return {name: value for name, value in shown.items() if not name[0].startswith(MEASURED)}


async def all_metrics(anonymous):
    answer = await anonymous.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    return parsed(answer.text)


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
        ("orak_part_up", "storage"): 1,
        ("batch_processing_queue_depth",): 1,
        ("batch_processing_active_jobs",): 0,
        ("batch_size",): 50,
        ("orak_dead_letters",): 0,
        ("orak_uploads", "processing"): 0,
        ("orak_uploads", "failed"): 0,
        ("orak_uploads", "orphan"): 0,
        ("orak_relay_lag_events", "delete-objects"): 5,
        ("orak_relay_deferred_events", "delete-objects"): 0,
    }


async def test_all_webhook_endpoints_have_one_row_together(api, anonymous):
    shown = await api.running.use_cases.collect_metrics()
    lags = [
        SubscriberLag(Lag("webhook-1", 2, 1, 0, None), 3.0),
        SubscriberLag(Lag("event-bus", 9, 0, 0, None), 90.0),
        SubscriberLag(Lag("webhook-2", 5, 3, 0, None), 2.0),
    ]

    async def collect_metrics():
        return msgspec.structs.replace(shown, subscribers=lags)

    out_of_order(api, collect_metrics=collect_metrics)
    relays = {name: value for name, value in (await metrics(anonymous)).items() if "relay" in name[0]}
    assert relays == {
        ("orak_relay_lag_events", "webhooks"): 7,
        ("orak_relay_lag_events", "event-bus"): 9,
        ("orak_relay_deferred_events", "webhooks"): 4,
        ("orak_relay_deferred_events", "event-bus"): 0,
        ("orak_relay_lag_seconds", "webhooks"): 3.0,
        ("orak_relay_lag_seconds", "event-bus"): 90.0,
    }


async def unavailable(*_):
    raise Unavailable("the database is unavailable")


async def test_without_a_database_the_metrics_report_that_it_is_down(api, anonymous):
    out_of_order(api, collect_metrics=unavailable)
    replaced(api, readiness=Readiness({"database": unavailable}))
    assert await metrics(anonymous) == {("orak_database_up",): 0, ("orak_part_up", "database"): 0}


@pytest.mark.parametrize("problem", [Unavailable("a slow count"), ValueError("a bug")])
async def test_a_database_that_only_cannot_count_is_up(api, anonymous, problem, caplog):
    async def fails():
        raise problem

    out_of_order(api, collect_metrics=fails)
    for _ in range(2):
        assert await metrics(anonymous) == {("orak_database_up",): 1, ("orak_part_up", "storage"): 1}
    lines = [record for record in caplog.records if getattr(record, "event", None) == "check_error"]
    assert len(lines) == isinstance(problem, ValueError)


async def test_a_clock_that_cannot_be_compared_leaves_the_other_metrics(api, anonymous):
    async def fails():
        raise ValueError("a bug")

    replaced(api, clock_skew=fails)
    assert (await metrics(anonymous))["orak_database_up",] == 1


async def test_a_disk_that_hangs_is_asked_once(anonymous, monkeypatch):
    asked, answer = [], threading.Event()

    def hangs(path):
        asked.append(path)
        answer.wait()
        return types.SimpleNamespace(free=1, used=3)

    monkeypatch.setattr("orak.entrypoints.metrics.readings._PATIENCE", 0.05)
    monkeypatch.setattr("shutil.disk_usage", hangs)
    try:
        for _ in range(3):
            assert ("orak_disk_free_ratio",) not in await metrics(anonymous)
        assert len(asked) == 1
    finally:
        answer.set()
    monkeypatch.setattr("orak.entrypoints.metrics.readings._PATIENCE", 60)
    assert (await metrics(anonymous))["orak_disk_free_ratio",] == 0.25


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


def out_of_order(api, **use_cases):
    """Put these in place of use cases of the running application."""
    replaced(api, use_cases=dataclasses.replace(api.app.state.running.use_cases, **use_cases))


def replaced(api, **parts):
    """Put these in place of parts of the running application."""
    api.app.state.running = dataclasses.replace(api.app.state.running, **parts)


async def calls(anonymous, name):
    """Return how many calls were timed, by outcome."""
    shown = await all_metrics(anonymous)
    return {outcome: shown[f"{name}_count", outcome] for outcome in ("ok", "refused", "error")}


async def test_presigned_urls_are_timed_by_outcome(api, anonymous, owner):
    name = "record_presigned_url_generation_seconds"
    assert await calls(anonymous, name) == {"ok": 0, "refused": 0, "error": 0}
    await presign(owner)
    assert (await owner.post("/records/async/presigned-url", json={})).status_code == 400
    assert (await anonymous.post("/records/async/presigned-url", json={})).status_code == 401

    class UnavailableIntake:
        async def add(self, *_):
            raise Unavailable("the database is unavailable")

    request_upload = api.running.use_cases.request_upload
    out_of_order(api, request_upload=dataclasses.replace(request_upload, intake=UnavailableIntake()))
    assert (await owner.post("/records/async/presigned-url", json=NEW_UPLOAD)).status_code == 503
    assert await calls(anonymous, name) == {"ok": 1, "refused": 2, "error": 1}


async def test_only_a_failure_of_the_server_is_an_error_of_a_creation(api, anonymous, owner):
    name, errors = "record_creation_seconds", ("record_creation_errors_total",)
    assert (await all_metrics(anonymous))[errors] == 0
    signed = await upload(owner)
    await create_record(owner, signed)
    body = {"title": "한 곡", "uploadId": signed["uploadId"]}
    assert (await owner.post("/records/async", json=body)).status_code == 409
    assert (await owner.post("/records/async", json=body | {"uploadId": 999})).status_code == 404
    assert (await all_metrics(anonymous))[errors] == 0

    async def broken(*_, **__):
        raise RuntimeError("a bug")

    out_of_order(api, create_record=broken)
    assert (await owner.post("/records/async", json=body)).status_code == 500
    assert await calls(anonymous, name) == {"ok": 1, "refused": 2, "error": 1}
    assert (await all_metrics(anonymous))[errors] == 1


async def answers(anonymous):
    """Return how many answers were counted, by method, route and status."""
    shown = await all_metrics(anonymous)
    return Counter(
        {tuple(labels): n for (name, *labels), n in shown.items() if name == "orak_http_requests_total"}
    )


def test_any_method_and_status_that_clients_cause_fits_into_the_table():
    measurements, answers = SharedMeasurements(), RequestMetrics()
    answers.open(measurements)
    for number in range(5000):
        answers.count(f"METHOD{number % 7}", f"/{number}", 405)
    counter = next(iter(measurements.collect()))
    assert sum(sample.value for sample in counter.samples) == 5000
    assert len(counter.samples) == 4000
    assert {sample.labels["method"] for sample in counter.samples} == {"(other)"}
