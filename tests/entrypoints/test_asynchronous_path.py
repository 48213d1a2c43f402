"""A take that arrives after its Record, on the way of events: bus, rules, queue, worker. Real conversion."""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from audio_samples import chord, write
from aws_server import DEADLINE, aws_server  # noqa: F401 - a fixture
from orak import Actor, NewRecord, NewUpload, Settings, UserId
from orak.adapters.aws.pathway import Pathway
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.aws import open_setup
from orak.entrypoints.container import run, work

SINGER = Actor(UserId(1))
AN_HOUR = 3_600_000


@pytest.fixture
async def settings(aws_server, tmp_path):  # noqa: F811
    """Everything set up as `orak aws setup` does, and nothing but events to start the work."""
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


@asynccontextmanager
async def a_late_take(use_cases, tmp_path):
    """Name a take, then let its bytes arrive; nobody tells orak that they did."""
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    signed = await use_cases.request_upload(SINGER, NewUpload("노래 + 1.webm", len(content), "audio/webm"))
    recording = await use_cases.create_record(SINGER, NewRecord("늦은 노래", signed.upload.id))
    assert recording.upload.status is ProcessingStatus.PENDING
    async with httpx.AsyncClient() as client:
        put = signed.request
        sent = await client.request(put.method, put.url, content=content, headers=put.headers)
        assert sent.status_code == 200
    yield recording.record.id


async def completed(use_cases, record_id, seconds=DEADLINE):
    deadline = time.monotonic() + seconds
    while True:
        found = await use_cases.get_record(SINGER, record_id)
        if found.upload.status is ProcessingStatus.COMPLETED:
            return found
        assert time.monotonic() < deadline, found.upload.status
        await asyncio.sleep(0.05)


async def test_serve_alone_completes_it(settings, tmp_path):
    async with run(settings) as orak, a_late_take(orak.use_cases, tmp_path) as record_id:
        found = await completed(orak.use_cases, record_id)
        assert found.upload.attempt == 1
