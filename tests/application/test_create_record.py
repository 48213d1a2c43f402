import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from house import SINGER, STRANGER, AwayStorage, a_house
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.records.create_record import NewRecord
from orak.domain.errors import (
    IdempotencyMismatch,
    PermissionDenied,
    RecordExists,
    Rejected,
    SongNotFound,
    StateConflict,
    UploadNotFound,
)
from orak.domain.identity import SongId, UploadId
from orak.domain.processing import FailureCode, ProcessingStatus


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


async def test_an_upload_that_arrived_is_started_at_once(house):
    upload = await house.upload()
    snapshot = await house.create(upload)
    assert (snapshot.record.title, snapshot.status) == ("첫 노래", ProcessingStatus.PROCESSING)
    assert house.started == [upload.id]


async def test_bytes_that_arrived_unannounced_are_found_by_the_call(house):
    upload = await house.request()
    await house.lay(upload)
    snapshot = await house.create(upload)
    assert snapshot.upload.status is ProcessingStatus.UPLOADED
    assert house.started == [upload.id]


async def test_an_upload_without_bytes_gets_its_record_and_is_not_started(house):
    upload = await house.request()
    snapshot = await house.create(upload)
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert house.started == []
    await house.lay(upload)
    await house.use_cases.receive_upload(upload.key)
    assert house.started == [upload.id]


async def test_bytes_that_differ_from_the_declaration_make_a_failed_record(house):
    upload = await house.request(content=b"abc")
    await house.lay(upload, b"abcd")
    snapshot = await house.create(upload)
    assert (snapshot.status, snapshot.failure) == (ProcessingStatus.FAILED, FailureCode.SIZE_MISMATCH)
    await house.use_cases.relay_events()
    assert await house.storage.head(upload.key) is None


async def test_one_of_fifty_concurrent_calls_wins(house):
    upload = await house.upload()
    answers = await asyncio.gather(*(house.create(upload) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(answer, RecordExists) for answer in answers) == 49
    assert len((await house.use_cases.list_records(SINGER)).snapshots) == 1


async def test_an_unknown_song_is_refused_and_nothing_is_saved(house):
    upload = await house.upload()
    with pytest.raises(SongNotFound):
        await house.use_cases.create_record(SINGER, NewRecord("t", upload.id, SongId(5)))
    assert (await house.use_cases.list_records(SINGER)).snapshots == []


async def test_other_users_and_unknown_uploads_are_refused(house):
    upload = await house.upload()
    with pytest.raises(PermissionDenied) as refusal:
        await house.create(upload, STRANGER)
    assert (refusal.value.record_id, refusal.value.user_id) == (None, STRANGER.user_id)
    with pytest.raises(UploadNotFound):
        await house.use_cases.create_record(SINGER, NewRecord("t", UploadId(999)))


async def test_a_cancelled_upload_gets_no_record(house):
    upload = await house.request()
    await house.use_cases.cancel_upload(SINGER, upload.id)
    with pytest.raises(StateConflict):
        await house.create(upload)


async def test_every_invalid_field_is_named_at_once(house):
    with pytest.raises(Rejected) as refusal:
        await house.use_cases.create_record(SINGER, NewRecord(" ", None, SongId(0), -1))
    assert [problem.field for problem in refusal.value.problems] == [
        "title",
        "upload_id",
        "song_id",
        "duration_seconds",
    ]


async def test_an_outage_after_the_record_was_saved_does_not_fail_the_call(house, caplog):
    upload = await house.request()

    create_record = house.use_cases.create_record
    convert_now = replace(create_record.convert_now, storage=AwayStorage())
    create_record = replace(create_record, convert_now=convert_now)
    snapshot = await create_record(SINGER, NewRecord("첫 노래", upload.id))
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert "could not be started at once" in caplog.text


async def test_a_repeated_call_has_one_effect(house):
    upload = await house.upload()
    idempotency_key = IdempotencyKey(SINGER.user_id, "create", "key-1", "digest")
    new = NewRecord("첫 노래", upload.id)
    first, second = await asyncio.gather(
        house.use_cases.create_record(SINGER, new, idempotency_key=idempotency_key),
        house.use_cases.create_record(SINGER, new, idempotency_key=idempotency_key),
    )
    assert first.record.id == second.record.id
    assert house.started == [upload.id]
    with pytest.raises(IdempotencyMismatch):
        await house.use_cases.create_record(
            SINGER, new, idempotency_key=IdempotencyKey(SINGER.user_id, "create", "key-1", "another")
        )


@pytest.mark.parametrize("seconds", [-1, 3601, 2**31])  # the house allows an hour
async def test_a_duration_out_of_range_is_refused(house, seconds):
    upload = await house.upload()
    with pytest.raises(Rejected):
        await house.use_cases.create_record(SINGER, NewRecord("t", upload.id, None, seconds))


async def test_a_caller_that_sets_a_wait_also_waits_for_a_queued_conversion(house):
    upload = await house.upload()
    creating = asyncio.create_task(
        house.use_cases.create_record(SINGER, NewRecord("t", upload.id), wait=1000)
    )
    while not await house.use_cases.process_upload():  # noqa: ASYNC110 - no event is set when the row waits
        await asyncio.sleep(0)
    assert (await creating).status is ProcessingStatus.COMPLETED


async def test_a_caller_that_sets_no_wait_does_not_wait_for_a_queued_conversion(house):
    upload, before = await house.upload(), house.clock.now()
    await house.use_cases.create_record(SINGER, NewRecord("t", upload.id))
    assert house.clock.now() == before


async def test_shutdown_ends_the_wait_for_a_queued_conversion(house):
    upload, before = await house.upload(), house.clock.now()
    house.waits.end()
    snapshot = await house.use_cases.create_record(SINGER, NewRecord("t", upload.id), wait=1000)
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert house.clock.now() - before < timedelta(seconds=1)  # the caller set a thousand
