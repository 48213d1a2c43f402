"""Batches, their size as a valve, and wake-ups beside them; without a broker and with Redis."""

from datetime import timedelta

import pytest

from builders import OTHER_USER, OWNER, START
from draining import a_drain
from orak.adapters.storage.memory import MemoryStorage
from orak.application.ports.batch_log import BatchReport, BatchTotals

INTERVAL = timedelta(seconds=10)
SECONDS = 10


@pytest.fixture(params=["inline", "taskiq"])
def redis(request):
    return request.getfixturevalue("redis_server") if request.param == "taskiq" else None


@pytest.fixture
def a_worker(persistence, clock, redis):
    storage = MemoryStorage("http://orak.test", b"k" * 32, clock)

    def a_worker(*, batch_size, workers=2):
        return a_drain(
            persistence,
            clock,
            workers=workers,
            storage=storage,
            redis=redis,
            batch_size=batch_size,
            interval=INTERVAL,
        )

    return a_worker


async def waiting(persistence):
    return (await persistence.reports.count(START, START)).waiting


async def test_a_batch_of_one_starts_one_upload_an_interval(a_worker, persistence):
    async with a_worker(batch_size=1) as worker:
        await worker.line_up([OWNER] * 10, START)
        worker.converter.let_end(10)
        for number in range(1, 5):
            await worker.pass_time(SECONDS - 1)
            assert worker.converter.begun == number - 1, "a batch began before its time"
            await worker.pass_time(1)
            totals = await worker.until_batches(number)
            assert (totals.started, totals.completed, totals.full) == (number, number, number)
        assert await waiting(persistence) == 6


async def test_a_trigger_starts_the_next_batch_at_once(a_worker, persistence):
    async with a_worker(batch_size=1) as worker:
        await worker.line_up([OWNER] * 10, START)
        worker.converter.let_end(10)
        for number in range(1, 4):
            await persistence.batch_settings.trigger()
            await worker.pass_time(1)
            totals = await worker.until_batches(number)
            assert totals.started == number
        await worker.pass_time(SECONDS)
        assert (await worker.until_batches(4)).started == 4


async def test_the_size_that_an_operator_sets_holds_within_an_interval_and_after_a_restart(
    a_worker, persistence
):
    async with a_worker(batch_size=50) as worker:
        await worker.line_up([OWNER, OTHER_USER] * 5, START)
        worker.converter.let_end(10)
        await persistence.batch_settings.set_batch_size(1)
        await worker.pass_time(SECONDS)
        assert (await worker.until_batches(1)).started == 1
        await persistence.batch_settings.set_batch_size(2)
        await worker.pass_time(SECONDS)
        assert (await worker.until_batches(2)).started == 3
    async with a_worker(batch_size=50) as worker:
        worker.converter.let_end(10)
        assert (await worker.until_batches(3)).started == 5
        await worker.pass_time(SECONDS)
        assert (await worker.until_batches(4)).started == 7


async def test_wake_ups_start_one_upload_each_beside_the_batch(a_worker, persistence):
    async with a_worker(batch_size=1) as worker:
        await worker.line_up([OWNER] * 10, START)
        worker.converter.let_end(10)
        for number in range(1, 4):
            await worker.queue.wake()
            await worker.converter.until_begun(number)
        assert await persistence.batch_log.totals() == BatchTotals()
        await worker.pass_time(SECONDS)
        assert (await worker.until_batches(1)).started == 1
        assert worker.converter.begun == 4


async def test_a_batch_claims_an_upload_only_when_there_is_room(a_worker, persistence):
    async with a_worker(batch_size=50, workers=2) as worker:
        await worker.line_up([OWNER] * 10, START)
        await worker.pass_time(SECONDS)
        await worker.converter.until_begun(2)
        assert await waiting(persistence) == 8
        await worker.pass_time(SECONDS)  # the next batch replaces the one that waits for room
        worker.converter.let_end(10)
        totals = await worker.until_batches(2)
        assert (totals.started, totals.completed, totals.full) == (10, 10, 0)


async def test_the_totals_are_the_sums_of_all_batches(persistence):
    log = persistence.batch_log
    assert await log.totals() == BatchTotals()
    await log.add(BatchReport(started=3, completed=1, failed=2, seconds=1.5, is_full=True))
    await log.add(BatchReport(started=4, completed=4, failed=0, seconds=0.25, is_full=False))
    assert await log.totals() == BatchTotals(2, 1, 7, 5, 2, 1.75)


async def test_a_trigger_is_counted_and_leaves_the_size_alone(persistence):
    settings = persistence.batch_settings
    assert (await settings.triggers(), await settings.batch_size()) == (0, None)
    await settings.set_batch_size(7)
    for _ in range(11):
        await settings.trigger()
    assert (await settings.triggers(), await settings.batch_size()) == (11, 7)


async def test_daily_work_begins_once_a_day_for_all_processes(persistence):
    work, day = persistence.daily_work, timedelta(days=1)
    assert [await work.begin("sweep", START) for _ in range(2)] == [True, False]
    assert await work.begin("another", START)
    assert not await work.begin("sweep", START + day - timedelta(microseconds=1))
    assert [await work.begin("sweep", START + day) for _ in range(2)] == [True, False]
    await work.abandon("sweep")
    assert await work.begin("sweep", START + day)
