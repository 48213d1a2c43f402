"""Metrics in the text format of Prometheus."""

import dataclasses

from prometheus_client.parser import text_string_to_metric_families

from http_api import create_record, upload
from orak.application.ports.batch_log import BatchReport
from orak.application.ports.failures import Unavailable

BATCHES = {
    f"batch_{name}_total" for name in ("runs", "full", "started", "completed", "failed", "duration_seconds")
}


async def metrics(anonymous):
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
