import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from house import LEASE, SINGER, STRANGER, RestlessClock, a_house
from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.converter import DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.processing import FailureCode, ProcessingStatus
from processing import with_ports

S = ProcessingStatus


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


@pytest.fixture
async def waiting(house):
    upload = await house.upload()
    await house.create(upload)
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


async def begin(house, process=None) -> tuple[asyncio.Task, HeldUp]:
    """Start processing; return when the conversion waits in the middle."""
    held_up = HeldUp(house.converter)
    process = with_ports(process or house.use_cases.process_upload, converter=held_up)
    work = asyncio.create_task(process())
    await held_up.begun.wait()
    return work, held_up


async def published(house):
    return [stored.key async for stored in house.storage.list("published/")]


async def test_an_upload_is_converted_and_published_under_its_attempt(house, waiting):
    assert await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.attempt, row.progress) == (S.COMPLETED, 1, 100)
    assert row.output.audio_key == f"published/{row.uuid}/1_take.m4a"
    assert sorted(await published(house)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_call_returns_false_if_nothing_is_waiting(house):
    assert not await house.use_cases.process_upload()


async def test_an_upload_without_a_record_is_left_alone(house):
    upload = await house.upload()
    assert not await house.use_cases.process_upload()
    assert not await house.use_cases.process_upload(upload.id)


@pytest.mark.parametrize("failure", [FailureCode.CORRUPT, FailureCode.NO_AUDIO_STREAM])
async def test_a_file_that_never_converts_fails_at_once(house, waiting, failure):
    house.converter.errors = [Unconvertible(failure)]
    await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.failure, row.failures) == (S.FAILED, failure, 1)


async def test_a_decoder_that_dies_twice_fails_the_upload(house, waiting):
    house.converter.errors = [DecoderDied(FailureCode.RESOURCE_LIMIT) for _ in range(2)]
    assert await house.use_cases.process_upload()
    assert not await house.use_cases.process_upload(), "the second try came without back-off"
    house.clock.advance(timedelta(minutes=10))
    assert await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.failure) == (S.FAILED, FailureCode.RESOURCE_LIMIT)


async def test_an_outage_is_no_failure_and_is_retried_within_ten_seconds(house, waiting):
    house.converter.errors = [Unavailable("the store is away")]
    await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.failures) == (S.UPLOADED, 0)
    house.clock.advance(timedelta(seconds=10))
    assert await house.use_cases.process_upload()
    assert (await house.row(waiting)).status is S.COMPLETED


async def test_a_bug_counts_as_a_failure(house, waiting, caplog):
    house.converter.errors = [RuntimeError("a bug")]
    await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.failures, row.error_message) == (S.UPLOADED, 1, "RuntimeError")
    assert "a bug" in caplog.text


async def test_replaced_bytes_are_not_converted_before_they_are_verified(house, waiting):
    await house.lay(waiting, b"xyz")
    await house.use_cases.process_upload()
    row = await house.row(waiting)
    assert (row.status, row.failures, house.converter.converted) == (S.UPLOADED, 1, [])
    house.clock.advance(timedelta(minutes=1))
    await house.use_cases.process_upload()
    assert house.converter.converted == [b"xyz"], "the new bytes were not verified and pinned"


async def test_replaced_bytes_of_another_size_fail_the_upload(house, waiting):
    await house.lay(waiting, b"longer")
    await house.use_cases.process_upload()
    assert (await house.row(waiting)).failure is FailureCode.SIZE_MISMATCH


async def test_a_worker_that_is_cancelled_gives_its_lease_back(house, waiting):
    work, _ = await begin(house)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    row = await house.row(waiting)
    assert (row.status, row.failures, row.not_before) == (S.UPLOADED, 0, None)


async def test_an_upload_that_is_deleted_during_its_conversion_is_not_published(house, waiting):
    work, held_up = await begin(house)
    await house.use_cases.delete_record(SINGER, (await house.row(waiting)).record_id)
    held_up.go_on.set()
    assert await work
    assert (await house.row(waiting)).status is S.DELETED
    await house.use_cases.relay_events()
    assert [stored.key async for stored in house.storage.list("")] == []


async def test_a_worker_that_froze_past_its_lease_publishes_nothing():
    async with a_house(FrozenClock()) as house:
        upload = await house.upload()
        await house.create(upload)
        process = house.use_cases.process_upload
        silent = with_ports(process, heartbeat=timedelta(days=1))
        frozen, held_up = await begin(house, silent)
        house.clock.advance(LEASE * 3)
        assert (await house.use_cases.sweep()).leases_lost == 1
        house.clock.advance(timedelta(seconds=10))
        assert await process()
        held_up.go_on.set()
        assert await frozen
        row = await house.row(upload)
        assert (row.status, row.attempt, row.failures) == (S.COMPLETED, 2, 1)
        assert sorted(await published(house)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_late_result_is_not_taken_for_that_of_the_current_attempt():
    async with a_house(FrozenClock()) as house:
        upload = await house.upload()
        await house.create(upload)
        process = house.use_cases.process_upload
        silent = with_ports(process, heartbeat=timedelta(days=1))
        late, first = await begin(house, silent)
        house.clock.advance(LEASE * 3)
        await house.use_cases.sweep()
        house.clock.advance(timedelta(seconds=10))
        current, second = await begin(house, silent)
        first.go_on.set()
        await late
        assert (await house.row(upload)).status is S.PROCESSING
        second.go_on.set()
        await current
        row = await house.row(upload)
        assert (row.status, row.attempt) == (S.COMPLETED, 2)
        assert sorted(await published(house)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_title_changed_during_the_conversion_is_kept(house, waiting):
    work, held_up = await begin(house)
    record_id = (await house.row(waiting)).record_id
    await house.use_cases.change_record(SINGER, record_id, title="새 제목")
    held_up.go_on.set()
    await work
    snapshot = await house.use_cases.get_record(SINGER, record_id)
    assert (snapshot.record.title, snapshot.status) == ("새 제목", S.COMPLETED)


async def test_many_uploads_of_one_user_do_not_delay_another_users_first(house):
    hers = [await house.upload(SINGER) for _ in range(5)]
    for upload in hers:
        await house.create(upload, SINGER)
    his = await house.upload(STRANGER)
    await house.create(his, STRANGER)
    order = []
    while snapshot := await house.persistence.leases.claim():
        order.append(snapshot.upload.id)
    assert order.index(his.id) <= 1  # only her first may come before
    assert [upload_id for upload_id in order if upload_id != his.id] == [upload.id for upload in hers]


@pytest.mark.usefixtures("waiting")
async def test_live_clients_receive_each_change(house):
    await house.use_cases.follow_events()
    live = house.use_cases.process_upload.attempt.keeper.live
    async with live.listen(SINGER.user_id) as messages:
        work, held_up = await begin(house)
        held_up.go_on.set()
        await work
        await house.use_cases.follow_events()
        heard = []
        async for message in messages:
            if message.event_id is not None:
                heard.append(message.processing_status)
            if message.processing_status is S.COMPLETED:
                break
    assert heard == [S.PROCESSING, S.COMPLETED]


async def test_clients_that_poll_see_progress_between_heartbeats():
    async with a_house(FrozenClock()) as house:
        upload = await house.upload()
        await house.create(upload)

        class HalfWay(HeldUp):
            async def convert(self, order, progress):
                progress(0.5)
                return await super().convert(order, progress)

        half_way = HalfWay(house.converter)
        work = asyncio.create_task(with_ports(house.use_cases.process_upload, converter=half_way)())
        await half_way.begun.wait()
        began = house.clock.now()
        async with asyncio.timeout(5):
            while (await house.row(upload)).progress != 50:
                house.clock.advance(timedelta(milliseconds=250))
                await asyncio.sleep(0)
        assert house.clock.now() - began < LEASE / 3, "the progress came only with the heartbeat"
        half_way.go_on.set()
        await work


def test_the_clock_of_these_tests_never_waits():
    clock = RestlessClock()
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


async def test_a_lease_whose_claim_was_cancelled_is_given_back(house, waiting):
    slow = SlowToAnswer(house.persistence.leases)
    work = asyncio.create_task(with_ports(house.use_cases.process_upload, leases=slow)())
    await slow.granted.wait()
    work.cancel()
    await asyncio.sleep(0)
    slow.answer.set()
    with suppress(asyncio.CancelledError):
        await work
    assert work.cancelled()
    row = await house.row(waiting)
    assert (row.status, row.failures, row.lease_until) == (S.UPLOADED, 0, None)


async def test_a_worker_cancelled_after_a_deletion_leaves_no_object(house, waiting):
    class AfterPublishing:
        """Storage that deletes the record after the last output was published, and cancels the worker."""

        def __getattr__(self, name):
            return getattr(house.storage, name)

        async def publish(self, key, source, *, content_type):
            await house.storage.publish(key, source, content_type=content_type)
            if key.endswith(".json"):
                await house.use_cases.delete_record(SINGER, (await house.row(waiting)).record_id)
                await house.use_cases.relay_events()  # deletes what is stored, this attempt's output too
                await house.storage.publish(key, source, content_type=content_type)
                work.cancel()

    process = house.use_cases.process_upload
    silent = with_ports(process, heartbeat=timedelta(days=1), storage=AfterPublishing())
    work = asyncio.create_task(silent())
    with suppress(asyncio.CancelledError):
        await work
    assert [stored.key async for stored in house.storage.list("")] == []


class LostAnswers:
    """Transactions of which some end in an outage, before or after the commit."""

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


async def test_an_output_whose_commit_went_unanswered_stays(house, waiting):
    process = house.use_cases.process_upload
    process = with_ports(process, transaction=LostAnswers(process.end_attempt.transaction, 1, committed=True))
    assert await process()
    row = await house.row(waiting)
    assert row.status is S.COMPLETED
    assert sorted(await published(house)) == sorted([row.output.audio_key, row.output.waveform_key])


async def test_a_database_restart_during_a_conversion_costs_no_second_one(house, waiting):
    process = house.use_cases.process_upload
    process = with_ports(
        process, transaction=LostAnswers(process.end_attempt.transaction, 20, committed=False)
    )
    assert await process()
    row = await house.row(waiting)
    assert (row.status, row.attempt, row.failures) == (S.COMPLETED, 1, 0)


@pytest.mark.parametrize(("outages", "left"), [(9, 0), (99, 2)])
async def test_a_discarded_output_is_removed_once_the_store_is_back(house, waiting, outages, left):
    class Away:
        """Storage that is away for some deletions after the record was deleted."""

        outages = 0

        def __getattr__(self, name):
            return getattr(house.storage, name)

        async def publish(self, key, source, *, content_type):
            await house.storage.publish(key, source, content_type=content_type)
            if key.endswith(".json"):
                await house.use_cases.delete_record(SINGER, (await house.row(waiting)).record_id)
                self.outages = outages

        async def delete(self, key):
            if self.outages:
                self.outages -= 1
                raise Unavailable("the store is away")
            await house.storage.delete(key)

    assert await with_ports(house.use_cases.process_upload, storage=Away())()
    assert len(await published(house)) == left
