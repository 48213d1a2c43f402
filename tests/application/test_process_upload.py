import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from memory_orak import LEASE, OTHER_USER, OWNER, SelfAdvancingClock, a_memory_orak
from orak.adapters.clock.frozen import FrozenClock
from orak.application.origins import Following, current_origin
from orak.application.ports.converter import ConversionBroke, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.events import EventType
from orak.domain.origin import Origin
from orak.domain.processing import FailureCode, ProcessingStatus
from processing import with_ports

S = ProcessingStatus


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
async def waiting(service):
    upload = await service.upload()
    await service.create(upload)
    return upload


class HeldUp:
    """A converter that waits until the test lets it go on."""

    def __init__(self, converter) -> None:
        self.converter = converter
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def convert(self, order, progress):
        self.begun.set()
        await self.go_on.wait()
        return await self.converter.convert(order, progress)


async def begin(service, process=None) -> tuple[asyncio.Task, HeldUp]:
    """Start processing; return when the conversion waits in the middle."""
    held_up = HeldUp(service.converter)
    process = with_ports(process or service.use_cases.process_upload, converter=held_up)
    work = asyncio.create_task(process())
    await held_up.begun.wait()
    return work, held_up


async def published(service):
    return [stored.key async for stored in service.storage.list("published/")]


async def test_an_upload_is_converted_and_published_under_its_attempt(service, waiting):
    assert await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.attempt, row.progress) == (S.COMPLETED, 1, 100)
    assert row.output.audio_key == f"published/{row.uuid}/1_take.m4a"
    assert sorted(await published(service)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_call_returns_false_if_nothing_is_waiting(service):
    assert not await service.use_cases.process_upload()


async def test_an_upload_without_a_record_is_left_alone(service):
    upload = await service.upload()
    assert not await service.use_cases.process_upload()
    assert not await service.use_cases.process_upload(upload.id)


@pytest.mark.parametrize("failure", [FailureCode.CORRUPT, FailureCode.NO_AUDIO_STREAM])
async def test_a_file_that_never_converts_fails_at_once(service, waiting, failure):
    service.converter.errors = [Unconvertible(failure)]
    await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.failure, row.failures) == (S.FAILED, failure, 1)


async def test_a_decoder_that_dies_twice_fails_the_upload(service, waiting):
    service.converter.errors = [DecoderDied(FailureCode.RESOURCE_LIMIT) for _ in range(2)]
    assert await service.use_cases.process_upload()
    assert not await service.use_cases.process_upload(), "the second try came without back-off"
    service.clock.advance(timedelta(minutes=10))
    assert await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.failure) == (S.FAILED, FailureCode.RESOURCE_LIMIT)


async def test_an_outage_does_not_count_as_a_failure_and_is_retried_within_ten_seconds(service, waiting):
    service.converter.errors = [Unavailable("the store does not answer")]
    await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.failures) == (S.UPLOADED, 0)
    service.clock.advance(timedelta(seconds=10))
    assert await service.use_cases.process_upload()
    assert (await service.row(waiting)).status is S.COMPLETED


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ConversionBroke("  ValueError: a bug")])
async def test_a_bug_is_logged_and_counts_as_a_failure(error, service, waiting, caplog):
    service.converter.errors = [error]
    await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.failures, row.error_message) == (S.UPLOADED, 1, type(error).__name__)
    assert "a bug" in caplog.text


async def test_replaced_bytes_are_not_converted_before_they_are_verified(service, waiting):
    await service.put_bytes(waiting, b"xyz")
    await service.use_cases.process_upload()
    row = await service.row(waiting)
    assert (row.status, row.failures, service.converter.converted) == (S.UPLOADED, 1, [])
    service.clock.advance(timedelta(minutes=1))
    await service.use_cases.process_upload()
    assert service.converter.converted == [b"xyz"], "the new bytes were not verified and pinned"


async def test_replaced_bytes_of_another_size_fail_the_upload(service, waiting):
    await service.put_bytes(waiting, b"longer")
    await service.use_cases.process_upload()
    assert (await service.row(waiting)).failure is FailureCode.SIZE_MISMATCH


async def test_a_cancelled_worker_releases_its_lease(service, waiting):
    work, _ = await begin(service)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    row = await service.row(waiting)
    assert (row.status, row.failures, row.not_before) == (S.UPLOADED, 0, None)


async def test_an_upload_that_is_deleted_during_its_conversion_is_not_published(service, waiting):
    work, held_up = await begin(service)
    await service.use_cases.delete_record(OWNER, (await service.row(waiting)).record_id)
    held_up.go_on.set()
    assert await work
    assert (await service.row(waiting)).status is S.DELETED
    await service.use_cases.relay_events()
    assert [stored.key async for stored in service.storage.list("")] == []


async def test_a_worker_that_froze_past_its_lease_publishes_nothing():
    async with a_memory_orak(FrozenClock()) as service:
        upload = await service.upload()
        await service.create(upload)
        process = service.use_cases.process_upload
        silent = with_ports(process, heartbeat=timedelta(days=1))
        frozen, held_up = await begin(service, silent)
        service.clock.advance(LEASE * 3)
        assert (await service.use_cases.sweep()).leases_lost == 1
        service.clock.advance(timedelta(seconds=10))
        assert await process()
        held_up.go_on.set()
        assert await frozen
        row = await service.row(upload)
        assert (row.status, row.attempt, row.failures) == (S.COMPLETED, 2, 1)
        assert sorted(await published(service)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_late_result_of_an_earlier_attempt_is_ignored():
    async with a_memory_orak(FrozenClock()) as service:
        upload = await service.upload()
        await service.create(upload)
        process = service.use_cases.process_upload
        silent = with_ports(process, heartbeat=timedelta(days=1))
        late, first = await begin(service, silent)
        service.clock.advance(LEASE * 3)
        await service.use_cases.sweep()
        service.clock.advance(timedelta(seconds=10))
        current, second = await begin(service, silent)
        first.go_on.set()
        await late
        assert (await service.row(upload)).status is S.PROCESSING
        second.go_on.set()
        await current
        row = await service.row(upload)
        assert (row.status, row.attempt) == (S.COMPLETED, 2)
        assert sorted(await published(service)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_title_changed_during_the_conversion_is_kept(service, waiting):
    work, held_up = await begin(service)
    record_id = (await service.row(waiting)).record_id
    await service.use_cases.change_record(OWNER, record_id, title="새 제목")
    held_up.go_on.set()
    await work
    snapshot = await service.use_cases.get_record(OWNER, record_id)
    assert (snapshot.record.title, snapshot.status) == ("새 제목", S.COMPLETED)


async def test_many_uploads_of_one_user_do_not_delay_another_users_first(service):
    many = [await service.upload(OWNER) for _ in range(5)]
    for upload in many:
        await service.create(upload, OWNER)
    single = await service.upload(OTHER_USER)
    await service.create(single, OTHER_USER)
    order = []
    while snapshot := await service.persistence.leases.claim():
        order.append(snapshot.upload.id)
    assert order.index(single.id) <= 1  # at most one upload of OWNER may be claimed earlier
    assert [upload_id for upload_id in order if upload_id != single.id] == [upload.id for upload in many]


@pytest.mark.usefixtures("waiting")
async def test_live_clients_receive_each_change(service):
    await service.use_cases.follow_events()
    live = service.use_cases.process_upload.attempt.keeper.live
    async with live.listen(OWNER.user_id) as messages:
        work, held_up = await begin(service)
        held_up.go_on.set()
        await work
        await service.use_cases.follow_events()
        statuses = []
        async for message in messages:
            if message.event_id is not None:
                statuses.append(message.processing_status)
            if message.processing_status is S.COMPLETED:
                break
    assert statuses == [S.PROCESSING, S.COMPLETED]


async def test_clients_that_poll_see_progress_between_heartbeats():
    async with a_memory_orak(FrozenClock()) as service:
        upload = await service.upload()
        await service.create(upload)

        class HalfWay(HeldUp):
            async def convert(self, order, progress):
                progress(0.5)
                return await super().convert(order, progress)

        half_way = HalfWay(service.converter)
        work = asyncio.create_task(with_ports(service.use_cases.process_upload, converter=half_way)())
        await half_way.begun.wait()
        began = service.clock.now()
        async with asyncio.timeout(5):
            while (await service.row(upload)).progress != 50:
                service.clock.advance(timedelta(milliseconds=250))
                await asyncio.sleep(0)
        assert service.clock.now() - began < LEASE / 3, "the progress came only with the heartbeat"
        half_way.go_on.set()
        await work


def test_the_self_advancing_clock_never_waits():
    clock = SelfAdvancingClock()
    before = clock.now()
    asyncio.run(clock.sleep(60))
    assert clock.now() - before == timedelta(minutes=1)


class SlowToAnswer:
    """Leases that are granted at once and answered late."""

    def __init__(self, leases) -> None:
        self.leases = leases
        self.granted = asyncio.Event()
        self.answer = asyncio.Event()

    async def claim(self, upload_id=None):
        snapshot = await self.leases.claim(upload_id)
        self.granted.set()
        await self.answer.wait()
        return snapshot


async def test_a_lease_whose_claim_was_cancelled_is_released(service, waiting):
    slow = SlowToAnswer(service.persistence.leases)
    work = asyncio.create_task(with_ports(service.use_cases.process_upload, leases=slow)())
    await slow.granted.wait()
    work.cancel()
    await asyncio.sleep(0)
    slow.answer.set()
    with suppress(asyncio.CancelledError):
        await work
    assert work.cancelled()
    row = await service.row(waiting)
    assert (row.status, row.failures, row.lease_until) == (S.UPLOADED, 0, None)


async def test_a_worker_cancelled_after_a_deletion_leaves_no_object(service, waiting):
    class AfterPublishing:
        """Storage that deletes the record after the last output was published, and cancels the worker."""

        def __getattr__(self, name):
            return getattr(service.storage, name)

        async def publish(self, key, source, *, content_type):
            await service.storage.publish(key, source, content_type=content_type)
            if key.endswith(".json"):
                await service.use_cases.delete_record(OWNER, (await service.row(waiting)).record_id)
                await service.use_cases.relay_events()  # deletes what is stored, this attempt's output too
                await service.storage.publish(key, source, content_type=content_type)
                work.cancel()

    process = service.use_cases.process_upload
    silent = with_ports(process, heartbeat=timedelta(days=1), storage=AfterPublishing())
    work = asyncio.create_task(silent())
    with suppress(asyncio.CancelledError):
        await work
    assert [stored.key async for stored in service.storage.list("")] == []


class LostAnswers:
    """Transactions, some of which fail with an outage before or after the commit."""

    def __init__(self, transaction, outages: int, *, committed: bool) -> None:
        self.transaction = transaction
        self.outages = outages
        self.committed = committed

    @asynccontextmanager
    async def __call__(self):
        if self.outages and not self.committed:
            self.outages -= 1
            raise Unavailable("the database is away")
        async with self.transaction() as tx:
            yield tx
        if self.outages:
            self.outages -= 1
            raise Unavailable("the database went away")


async def test_an_output_is_kept_if_the_answer_to_its_commit_was_lost(service, waiting):
    process = service.use_cases.process_upload
    process = with_ports(process, transaction=LostAnswers(process.end_attempt.transaction, 1, committed=True))
    assert await process()
    row = await service.row(waiting)
    assert row.status is S.COMPLETED
    assert sorted(await published(service)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_database_restart_during_a_conversion_does_not_repeat_the_conversion(service, waiting):
    process = service.use_cases.process_upload
    process = with_ports(
        process, transaction=LostAnswers(process.end_attempt.transaction, 20, committed=False)
    )
    assert await process()
    row = await service.row(waiting)
    assert (row.status, row.attempt, row.failures) == (S.COMPLETED, 1, 0)


@pytest.mark.parametrize(("outages", "left"), [(9, 0), (99, 2)])
async def test_a_discarded_output_is_removed_once_the_store_is_back(service, waiting, outages, left):
    class Away:
        """Storage that is unavailable for some deletions after the record was deleted."""

        outages = 0

        def __getattr__(self, name):
            return getattr(service.storage, name)

        async def publish(self, key, source, *, content_type):
            await service.storage.publish(key, source, content_type=content_type)
            if key.endswith(".json"):
                await service.use_cases.delete_record(OWNER, (await service.row(waiting)).record_id)
                self.outages = outages

        async def delete(self, key):
            if self.outages:
                self.outages -= 1
                raise Unavailable("the store does not answer")
            await service.storage.delete(key)

    assert await with_ports(service.use_cases.process_upload, storage=Away())()
    assert len(await published(service)) == left


async def test_a_conversion_follows_from_the_request_that_made_the_record(service):
    """The claim decides the origin: the request that sent the wake-up may be another one."""
    seen = []

    class Watched:
        async def convert(self, order, progress):
            seen.append(current_origin())
            return await service.converter.convert(order, progress)

    made = Origin("made")
    with Following(made):
        await service.create(await service.upload())
    with Following(Origin("another's")):
        await with_ports(service.use_cases.process_upload, converter=Watched())()
        assert current_origin() == Origin("another's")
    assert seen == [made]
    await service.persistence.event_log.number()
    logged = await service.persistence.event_log.after(0, 99)
    assert {one.event.type: one.event.origin for one in logged} == {
        EventType.UPLOAD_REQUESTED: made,
        EventType.RECORD_CREATED: made,
        EventType.UPLOAD_RECEIVED: made,
        EventType.PROCESSING_STARTED: made,
        EventType.PROCESSING_COMPLETED: made,
    }
