"""Uploads that arrive after their record: bus, rules, queue and worker lead to a real conversion."""

import asyncio
import json
import secrets
import time

import httpx
import pytest

from audio_samples import chord, write
from aws_server import DEADLINE
from orak import Actor, NewRecord, NewUpload, Settings, UserId
from orak.adapters.aws.pathway import Pathway
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.cli.aws import open_setup
from orak.entrypoints.running import run

OWNER = Actor(UserId(1))
AN_HOUR = 3_600_000
UPLOADED, PROCESSING, COMPLETED = (
    ProcessingStatus.UPLOADED,
    ProcessingStatus.PROCESSING,
    ProcessingStatus.COMPLETED,
)


@pytest.fixture
async def settings(aws_server, tmp_path):
    """AWS resources as `orak aws setup` creates them; only events start conversions."""
    name = secrets.token_hex(6)
    pathway = Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}", aws_server.new_bucket())
    bare = Settings(**aws_server.settings)
    async with open_setup(bare, pathway, dry_run=False) as set_up:
        made = await set_up()
    return Settings(
        **aws_server.settings,
        data_dir=tmp_path / "data",
        s3_bucket_name=pathway.bucket,
        eventbridge_bus_name=pathway.bus,
        sqs_queue_url=made.queue_url,
        batch_enabled=False,
        sweep_interval_ms=AN_HOUR,
        immediate_slots=0,
    )


def changed(settings, **fields):
    return Settings(**{name: getattr(settings, name) for name in settings.__struct_fields__} | fields)


async def a_late_upload(use_cases, tmp_path):
    """Create a record, then store its bytes without telling orak; return the record's id."""
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    signed = await use_cases.request_upload(OWNER, NewUpload("노래 + 1.webm", len(content), "audio/webm"))
    snapshot = await use_cases.create_record(OWNER, NewRecord("늦은 노래", signed.upload.id))
    assert snapshot.upload.status is ProcessingStatus.PENDING
    async with httpx.AsyncClient() as client:
        put = signed.request
        sent = await client.request(put.method, put.url, content=content, headers=put.headers)
        assert sent.status_code == 200
    return snapshot.record.id


async def until(use_cases, record_id, statuses, seconds=DEADLINE):
    """Return the upload once it has one of *statuses*."""
    deadline = time.monotonic() + seconds
    while True:
        upload = (await use_cases.get_record(OWNER, record_id)).upload
        if upload.status in statuses:
            return upload
        assert time.monotonic() < deadline, upload.status
        await asyncio.sleep(0.05)


async def test_serve_alone_converts_a_late_upload(settings, tmp_path):
    async with run(settings) as orak:
        record_id = await a_late_upload(orak.use_cases, tmp_path)
        assert (await until(orak.use_cases, record_id, {COMPLETED})).attempt == 1
        began = time.monotonic()
    assert time.monotonic() - began < 1  # the consumer stops at once, although it waits for the next message


async def test_a_worker_beside_serve_converts_a_late_upload(settings, tmp_path):
    async with run(changed(settings, sqs_queue_url=None)) as orak, run(settings, serves=False):
        record_id = await a_late_upload(orak.use_cases, tmp_path)
        assert (await until(orak.use_cases, record_id, {COMPLETED})).attempt == 1


async def test_the_sweep_finds_a_late_upload_when_every_event_is_lost(settings, aws_server, tmp_path):
    without_events = changed(settings, sqs_queue_url=aws_server.new_queue(), sweep_interval_ms=1000)
    async with run(without_events) as orak:
        record_id = await a_late_upload(orak.use_cases, tmp_path)
        await until(orak.use_cases, record_id, {UPLOADED, PROCESSING, COMPLETED}, seconds=2)
        assert (await until(orak.use_cases, record_id, {COMPLETED})).attempt == 1


async def test_without_batches_and_events_nothing_is_converted_in_the_background(settings, tmp_path):
    alone = changed(settings, sqs_queue_url=None, eventbridge_bus_name=None, sweep_interval_ms=100)
    async with run(alone) as orak:
        record_id = await a_late_upload(orak.use_cases, tmp_path)
        await until(orak.use_cases, record_id, {UPLOADED})
        for _ in range(3):
            await orak.use_cases.sweep()
        assert (await orak.use_cases.get_record(OWNER, record_id)).upload.status is UPLOADED


async def test_the_first_event_after_the_first_start_is_published(settings, aws_server, tmp_path):
    events, everything = aws_server.client("events"), aws_server.new_queue()
    events.put_rule(
        Name="all", EventBusName=settings.eventbridge_bus_name, EventPattern='{"source": ["orak.recordings"]}'
    )
    arn = aws_server.arn(everything)
    events.put_targets(
        Rule="all", EventBusName=settings.eventbridge_bus_name, Targets=[{"Id": "all", "Arn": arn}]
    )
    async with run(settings) as orak:
        record_id = await a_late_upload(orak.use_cases, tmp_path)
        last = await until(orak.use_cases, record_id, {COMPLETED})
        published: dict[int, str] = {}
        async with asyncio.timeout(DEADLINE):
            while last.version not in published:
                for body in await asyncio.to_thread(aws_server.messages, everything):
                    event = json.loads(body)
                    published[event["detail"]["version"]] = event["detail-type"]
    assert [published[version] for version in sorted(published)] == [
        "UploadRequested",
        "RecordCreated",
        "UploadReceived",
        "ProcessingStarted",
        "ProcessingCompleted",
    ]
