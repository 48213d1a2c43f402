import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from memory_orak import OTHER_USER, OWNER, UnavailableStorage, a_memory_orak
from orak.application.ports.failures import Unavailable
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
async def service():
    async with a_memory_orak() as service:
        yield service


async def test_an_upload_that_arrived_is_started_at_once(service):
    upload = await service.upload()
    snapshot = await service.create(upload)
    assert (snapshot.record.title, snapshot.status) == ("첫 노래", ProcessingStatus.PROCESSING)
    assert service.started == [upload.id]


async def test_the_call_finds_bytes_that_arrived_without_an_event(service):
    upload = await service.request()
    await service.put_bytes(upload)
    snapshot = await service.create(upload)
    assert snapshot.upload.status is ProcessingStatus.UPLOADED
    assert service.started == [upload.id]


async def test_an_upload_without_bytes_gets_its_record_and_is_not_started(service):
    upload = await service.request()
    snapshot = await service.create(upload)
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert service.started == []
    await service.put_bytes(upload)
    await service.use_cases.receive_upload(upload.key)
    assert service.started == [upload.id]


async def test_bytes_that_differ_from_the_declaration_make_a_failed_record(service):
    upload = await service.request(content=b"abc")
    await service.put_bytes(upload, b"abcd")
    snapshot = await service.create(upload)
    assert (snapshot.status, snapshot.shown().failure) == (ProcessingStatus.FAILED, FailureCode.SIZE_MISMATCH)
    await service.use_cases.relay_events()
    assert await service.storage.head(upload.key) is None


async def test_exactly_one_of_fifty_concurrent_calls_succeeds(service):
    upload = await service.upload()
    answers = await asyncio.gather(*(service.create(upload) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(answer, RecordExists) for answer in answers) == 49
    assert len((await service.use_cases.list_records(OWNER)).records) == 1


async def test_an_unknown_song_is_refused_and_nothing_is_saved(service):
    upload = await service.upload()
    with pytest.raises(SongNotFound):
        await service.use_cases.create_record(OWNER, NewRecord("t", upload.id, SongId(5)))
    assert (await service.use_cases.list_records(OWNER)).records == []


async def test_other_users_and_unknown_uploads_are_refused(service):
    upload = await service.upload()
    with pytest.raises(PermissionDenied) as refusal:
        await service.create(upload, OTHER_USER)
    assert (refusal.value.record_id, refusal.value.user_id) == (None, OTHER_USER.user_id)
    with pytest.raises(UploadNotFound):
        await service.use_cases.create_record(OWNER, NewRecord("t", UploadId(999)))


async def test_a_cancelled_upload_gets_no_record(service):
    upload = await service.request()
    await service.use_cases.cancel_upload(OWNER, upload.id)
    with pytest.raises(StateConflict):
        await service.create(upload)


async def test_every_invalid_field_is_named_at_once(service):
    with pytest.raises(Rejected) as refusal:
        await service.use_cases.create_record(OWNER, NewRecord(" ", None, SongId(0), -1))
    assert [problem.field for problem in refusal.value.problems] == [
        "title",
        "upload_id",
        "song_id",
        "duration_seconds",
    ]


async def test_an_outage_of_the_store_does_not_fail_the_call(service, caplog):
    upload = await service.request()
    create_record = replace(service.use_cases.create_record, storage=UnavailableStorage())
    snapshot = await create_record(OWNER, NewRecord("첫 노래", upload.id))
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert "the sweep does it" in caplog.text


class AnswersLost:
    """An intake that stores a record, and loses the first answers."""

    def __init__(self, intake, lost=1):
        self.intake, self.lost = intake, lost

    async def find(self, wanted):
        return await self.intake.find(wanted)

    async def add(self, creation):
        made = await self.intake.add(creation)
        self.lost -= 1
        if self.lost >= 0:
            raise Unavailable("the connection was lost")
        return made


@pytest.mark.parametrize("key", [None, IdempotencyKey(OWNER.user_id, "create", "key-1", "digest")])
async def test_a_call_knows_its_record_after_the_database_s_answer_was_lost(service, key):
    upload = await service.upload()
    create_record = service.use_cases.create_record
    create_record = replace(create_record, intake=AnswersLost(create_record.intake))
    snapshot = await create_record(OWNER, NewRecord("첫 노래", upload.id), idempotency_key=key)
    assert (snapshot.record.title, snapshot.record.upload_id) == ("첫 노래", upload.id)
    assert service.started == [upload.id]
    with pytest.raises(RecordExists):
        await create_record(OWNER, NewRecord("첫 노래", upload.id))


async def test_a_repeated_call_has_one_effect(service):
    upload = await service.upload()
    idempotency_key = IdempotencyKey(OWNER.user_id, "create", "key-1", "digest")
    new = NewRecord("첫 노래", upload.id)
    first, second = await asyncio.gather(
        service.use_cases.create_record(OWNER, new, idempotency_key=idempotency_key),
        service.use_cases.create_record(OWNER, new, idempotency_key=idempotency_key),
    )
    assert first.record.id == second.record.id
    assert service.started == [upload.id]
    with pytest.raises(IdempotencyMismatch):
        await service.use_cases.create_record(
            OWNER, new, idempotency_key=IdempotencyKey(OWNER.user_id, "create", "key-1", "another")
        )


@pytest.mark.parametrize("seconds", [-1, 3601, 2**31])  # the limit is one hour
async def test_a_duration_out_of_range_is_refused(service, seconds):
    upload = await service.upload()
    with pytest.raises(Rejected):
        await service.use_cases.create_record(OWNER, NewRecord("t", upload.id, None, seconds))


async def test_a_caller_that_sets_a_wait_also_waits_for_a_queued_conversion(service):
    upload = await service.upload()
    creating = asyncio.create_task(
        # Each poll sets the clock forward, but the conversion takes real time: a shorter wait may end first.
        service.use_cases.create_record(OWNER, NewRecord("t", upload.id), wait=10**9)
    )
    while not await service.use_cases.process_upload():  # noqa: ASYNC110 - no event is set when the row waits
        await asyncio.sleep(0)
    assert (await creating).status is ProcessingStatus.COMPLETED


async def test_a_caller_that_sets_no_wait_does_not_wait_for_a_queued_conversion(service):
    upload, before = await service.upload(), service.clock.now()
    await service.use_cases.create_record(OWNER, NewRecord("t", upload.id))
    assert service.clock.now() == before


async def test_shutdown_ends_the_wait_for_a_queued_conversion(service):
    upload, before = await service.upload(), service.clock.now()
    service.waits.end()
    snapshot = await service.use_cases.create_record(OWNER, NewRecord("t", upload.id), wait=1000)
    assert snapshot.status is ProcessingStatus.PROCESSING
    assert service.clock.now() - before < timedelta(seconds=1)  # the caller set a thousand


class SlowStorage:
    """Finds the object only after *seconds* on the clock."""

    def __init__(self, service, seconds):
        self.service, self.seconds = service, seconds

    async def head(self, key):
        self.service.clock.advance(timedelta(seconds=self.seconds))
        return await self.service.storage.head(key)


class RememberingStarter:
    """Starts a conversion that never ends, and remembers how long its caller waits."""

    runs_here = True

    def __init__(self):
        self.waited = []

    async def start(self, _upload_id):
        return self

    async def wait(self, seconds):
        self.waited.append(seconds)


@pytest.mark.parametrize(("looked", "left"), [(2.5, 7.5), (30, 0)])
async def test_the_wait_of_a_caller_covers_the_look_for_the_object_too(service, looked, left):
    upload, starter = await service.request(), RememberingStarter()
    await service.put_bytes(upload)
    create_record = replace(
        service.use_cases.create_record, storage=SlowStorage(service, looked), starter=starter
    )
    service.waits.end()  # the queued conversion is not waited for
    await create_record(OWNER, NewRecord("t", upload.id), wait=10)
    assert starter.waited == [left]


async def test_a_starter_that_fails_does_not_fail_the_call(service, caplog):
    class Broken:
        async def start(self, _upload_id):
            raise RuntimeError("a bug")

    upload = await service.upload()
    create_record = replace(service.use_cases.create_record, starter=Broken())
    snapshot = await create_record(OWNER, NewRecord("t", upload.id))
    assert snapshot.upload.is_waiting
    assert "a bug" in caplog.text
