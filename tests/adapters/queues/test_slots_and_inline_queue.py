"""Immediate and background conversions, which share one capacity."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import an_upload
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.application.ports.failures import Unavailable
from orak.domain.identity import UploadId
from orak.domain.processing import ProcessingStatus, Start
from orak.domain.upload import Upload

DEADLINE = 5
COMPLETED = {"status": ProcessingStatus.COMPLETED}


class WaitingLine:
    """Waiting uploads, and conversions that last until `open` is set."""

    def __init__(self, *waiting: int) -> None:
        self.waiting = list(waiting)
        self.done: list[int] = []
        self.running = 0
        self.most_running = 0
        self.released = 0
        self.looks = 0
        self.starts: list[Start] = []
        self.errors: list[Exception] = []
        self.ends: list[dict[str, object]] = []
        """How the next conversions leave their upload; COMPLETED by default."""
        self.open = asyncio.Event()
        self.changed = asyncio.Event()

    async def process(self, upload_id: UploadId | None = None, *, start: Start) -> Upload | None:
        self.looks += 1
        self._tell()
        if self.errors:
            raise self.errors.pop(0)
        if upload_id is None and not self.waiting:
            return None
        number = self.waiting.pop(0) if upload_id is None else upload_id
        self.starts.append(start)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._tell()
        try:
            await self.open.wait()
            self.done.append(number)
        except asyncio.CancelledError:
            self.released += 1
            raise
        finally:
            self.running -= 1
            self._tell()
        return replace(an_upload(), **(self.ends.pop(0) if self.ends else COMPLETED))

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self.changed.wait()


def a_pool(process, capacity, *, workers, clock=None):
    pool = InlineQueue(capacity, clock or SystemClock(), workers=workers)
    pool.open(process)
    return pool


@pytest.fixture
async def line():
    return WaitingLine()


@pytest.fixture
async def queue(line):
    queue = a_pool(line.process, asyncio.Semaphore(2), workers=2)
    yield queue
    await queue.close()


@pytest.fixture
async def slots_and_queue(line):
    capacity = asyncio.Semaphore(2)
    queue = a_pool(line.process, capacity, workers=2)
    slots = Slots(queue, capacity, immediate=1)
    slots.open(line.process)
    yield slots, queue
    await slots.close()
    await queue.close()


async def test_with_a_free_slot_the_conversion_starts_at_once(line, slots_and_queue):
    slots, _ = slots_and_queue
    line.open.set()
    started = await slots.start(UploadId(7))
    await started.wait(DEADLINE)
    assert line.done == [7]
    assert line.starts == [Start.IMMEDIATE]


async def test_without_a_free_slot_the_upload_waits_in_the_queue(line, slots_and_queue):
    slots, _ = slots_and_queue
    await slots.start(UploadId(1))
    line.waiting.append(2)
    queued = await slots.start(UploadId(2))
    await queued.wait(DEADLINE)  # returns at once: the queue gives no time
    line.open.set()
    await line.until(lambda: sorted(line.done) == [1, 2])
    assert line.starts == [Start.IMMEDIATE, Start.WAKE_UP]


async def test_cancelling_the_wait_does_not_cancel_the_conversion(line, slots_and_queue):
    slots, _ = slots_and_queue
    started = await slots.start(UploadId(1))
    waiter = asyncio.create_task(started.wait(DEADLINE))
    await line.until(lambda: line.running == 1)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    line.open.set()
    await line.until(lambda: line.done == [1])


async def test_a_wait_ends_after_the_requested_seconds(line, slots_and_queue):
    slots, _ = slots_and_queue
    started = await slots.start(UploadId(1))
    await started.wait(0.01)
    assert line.done == []


async def test_close_ends_the_wait_and_releases_the_upload(line, slots_and_queue):
    slots, _ = slots_and_queue
    started = await slots.start(UploadId(1))
    waiter = asyncio.create_task(started.wait(60))
    await line.until(lambda: line.running == 1)
    async with asyncio.timeout(DEADLINE):
        await slots.close()
        await waiter
    assert (line.released, line.running) == (1, 0)


async def test_end_waits_ends_the_wait_but_not_the_conversion(line, slots_and_queue):
    slots, _ = slots_and_queue
    started = await slots.start(UploadId(1))
    waiter = asyncio.create_task(started.wait(60))
    await line.until(lambda: line.running == 1)
    slots.end_waits()
    async with asyncio.timeout(DEADLINE):
        await waiter
    assert line.running == 1
    line.open.set()
    await line.until(lambda: line.done == [1])


async def test_no_conversion_starts_after_close(line, slots_and_queue):
    slots, queue = slots_and_queue
    await slots.close()
    await queue.close()
    line.waiting.append(1)
    await slots.start(UploadId(1))
    await queue.wake()
    assert line.running == 0


async def test_immediate_and_background_conversions_share_the_capacity(line, slots_and_queue):
    slots, queue = slots_and_queue
    line.waiting.extend([2, 3, 4])
    await slots.start(UploadId(1))
    for _ in range(3):
        await queue.wake()
    await line.until(lambda: line.running == 2)
    line.open.set()
    await line.until(lambda: len(line.done) == 4)
    assert line.most_running == 2


async def test_with_no_slots_every_upload_waits_in_the_queue(line):
    queue = a_pool(line.process, asyncio.Semaphore(1), workers=1)
    slots = Slots(queue, asyncio.Semaphore(1), immediate=0)
    slots.open(line.process)
    line.waiting.append(1)
    line.open.set()
    started = await slots.start(UploadId(1))
    assert (started.runs_here, started.found_no_slot) == (False, False)
    await line.until(lambda: line.done == [1])
    await queue.close()


async def test_before_slots_open_an_upload_waits_in_the_queue(line, queue):
    slots = Slots(queue, asyncio.Semaphore(1), immediate=1)
    line.waiting.append(1)
    line.open.set()
    await slots.start(UploadId(1))
    await line.until(lambda: line.done == [1])


async def test_a_wake_up_before_the_queue_opens_is_not_lost(line):
    queue = InlineQueue(asyncio.Semaphore(1), SystemClock(), workers=1)
    line.waiting.append(1)
    line.open.set()
    await queue.wake()
    assert queue.is_full
    room = asyncio.create_task(queue.room())
    queue.open(line.process)
    await line.until(lambda: line.done == [1])
    async with asyncio.timeout(DEADLINE):
        await room
    await queue.close()


async def test_wake_ups_wait_for_room_and_start_one_upload_each(line, queue):
    line.waiting.extend(range(10))
    for _ in range(5):
        await queue.wake()
    await line.until(lambda: line.running == 2)
    line.open.set()
    await line.until(lambda: len(line.done) == 5)
    await queue.wake()
    await line.until(lambda: len(line.done) == 6)
    assert (line.looks, line.most_running, len(line.waiting)) == (6, 2, 4)


async def test_a_claim_that_finds_nothing_drops_the_wake_ups_before_it(line):
    pool = a_pool(line.process, asyncio.Semaphore(1), workers=1)
    for _ in range(1000):
        await pool.wake()
    await line.until(lambda: line.looks == 1)
    line.waiting.append(1)
    line.open.set()
    await pool.wake()
    await line.until(lambda: line.done == [1])
    assert line.looks == 2
    await pool.close()


async def test_a_wake_up_while_a_claim_is_under_way_is_not_lost(line):
    """The upload may have arrived after the claim was sent and before it was answered."""
    claiming, answer = asyncio.Event(), asyncio.Event()

    async def process(*, start):
        if not claiming.is_set():
            claiming.set()
            await answer.wait()
            return None
        return await line.process(start=start)

    pool = a_pool(process, asyncio.Semaphore(1), workers=1)
    await pool.wake()
    await claiming.wait()
    line.waiting.append(1)
    line.open.set()
    await pool.wake()
    answer.set()
    await line.until(lambda: line.done == [1])
    await pool.close()


async def test_an_upload_that_was_put_back_comes_again_when_it_is_due(line):
    clock = FrozenClock()
    due = clock.now() + timedelta(seconds=4)
    line.ends = [{"status": ProcessingStatus.UPLOADED, "record_id": 1, "not_before": due}]
    pool = a_pool(line.process, asyncio.Semaphore(1), workers=1, clock=clock)
    line.waiting.append(1)
    line.open.set()
    await pool.wake()
    await line.until(lambda: line.done == [1])
    line.waiting.append(1)
    for seconds in (3, 1):
        for _ in range(20):
            await asyncio.sleep(0)
        assert line.looks == 1, "it came before it was due"
        clock.advance(timedelta(seconds=seconds))
    await line.until(lambda: line.done == [1, 1])
    await pool.close()


async def test_an_immediate_conversion_that_was_put_back_comes_again_in_the_background(line):
    clock = FrozenClock()
    due = clock.now() + timedelta(seconds=4)
    line.ends = [{"status": ProcessingStatus.UPLOADED, "record_id": 1, "not_before": due}]
    pool = a_pool(line.process, asyncio.Semaphore(2), workers=1, clock=clock)
    slots = Slots(pool, asyncio.Semaphore(2), immediate=1)
    slots.open(line.process)
    line.open.set()
    await (await slots.start(UploadId(7))).wait(DEADLINE)
    line.waiting.append(7)
    for _ in range(20):
        await asyncio.sleep(0)
    clock.advance(timedelta(seconds=4))
    await line.until(lambda: line.done == [7, 7])
    await slots.close()
    await pool.close()


async def test_an_immediate_conversion_that_cannot_be_claimed_is_queued(line, slots_and_queue):
    slots, _ = slots_and_queue
    line.errors = [Unavailable("the database is away")]
    line.waiting.append(7)
    line.open.set()
    await slots.start(UploadId(7))
    await line.until(lambda: line.done == [7])


async def test_wake_ups_and_batches_wait_out_an_outage(line, caplog):
    clock = FrozenClock()
    line.errors = [Unavailable("the database is away") for _ in range(3)]
    line.waiting.extend(range(10))
    line.open.set()
    pool = a_pool(line.process, asyncio.Semaphore(1), workers=1, clock=clock)
    await pool.wake()
    batch = asyncio.create_task(pool.run_batch(2))
    async with asyncio.timeout(DEADLINE):
        while len(line.done) < 3:
            await asyncio.sleep(0)
            clock.advance(timedelta(seconds=1))
        report = await batch
    assert (report.started, line.looks, caplog.text.count("pauses")) == (2, 6, 1)
    await pool.close()


async def test_a_batch_reports_how_its_conversions_ended(line):
    pool = a_pool(line.process, asyncio.Semaphore(2), workers=2)
    line.waiting.extend(range(4))
    line.ends = [COMPLETED, {"status": ProcessingStatus.FAILED}, {"status": ProcessingStatus.UPLOADED}]
    line.open.set()
    async with asyncio.timeout(DEADLINE):
        report = await pool.run_batch(3)
    assert (report.started, report.completed, report.failed, report.is_full) == (3, 1, 1, True)
    async with asyncio.timeout(DEADLINE):
        report = await pool.run_batch(3)
    assert (report.started, report.completed, report.failed, report.is_full) == (1, 1, 0, False)
    await pool.close()


async def test_a_batch_that_finds_nothing_ends_at_once(line, queue):
    async with asyncio.timeout(DEADLINE):
        report = await queue.run_batch(50)
    assert (report.started, report.is_full, line.looks <= 2) == (0, False, True)


async def test_a_batch_that_waits_for_room_is_replaced_by_the_next(line):
    pool = a_pool(line.process, asyncio.Semaphore(1), workers=1)
    line.waiting.extend(range(9))
    batches = []
    for _ in range(5):
        batches.append(asyncio.create_task(pool.run_batch(2)))
        await line.until(lambda: line.running == 1)
        await asyncio.sleep(0)
    line.open.set()
    async with asyncio.timeout(DEADLINE):
        reports = await asyncio.gather(*batches)
    assert [report.started for report in reports] == [1, 0, 0, 0, 2]
    await pool.close()


async def test_a_bug_with_one_upload_stops_neither_batch_nor_wake_ups(line, caplog):
    line.errors = [RuntimeError("a bug")]
    line.waiting.extend(range(3))
    line.open.set()
    pool = a_pool(line.process, asyncio.Semaphore(1), workers=1)
    async with asyncio.timeout(DEADLINE):
        report = await pool.run_batch(3)
    await pool.wake()
    await line.until(lambda: len(line.done) == 3)
    assert (report.started, report.completed) == (3, 2)
    assert "a bug" in caplog.text
    await pool.close()


async def test_close_ends_batches_and_tells_how_many_conversions_it_stopped(line):
    pool = a_pool(line.process, asyncio.Semaphore(2), workers=2)
    line.waiting.extend(range(9))
    batch = asyncio.create_task(pool.run_batch(5))
    await line.until(lambda: line.running == 2)
    async with asyncio.timeout(DEADLINE):
        assert await pool.close() == 2
        report = await batch
    assert (report.started, report.completed, line.released) == (2, 0, 2)


async def test_closing_slots_wakes_another_process_for_each_conversion(line, slots_and_queue):
    slots, _ = slots_and_queue
    await slots.start(UploadId(1))
    await line.until(lambda: line.running == 1)
    line.waiting.append(1)
    line.open.set()
    await slots.close()
    await line.until(lambda: line.done == [1])


async def test_without_workers_nothing_starts(line):
    pool = a_pool(line.process, asyncio.Semaphore(2), workers=0)
    line.waiting.append(1)
    await pool.wake()
    async with asyncio.timeout(DEADLINE):
        assert (await pool.run_batch(5)).started == 0
    assert (line.looks, pool.is_full) == (0, True)
    await pool.close()


async def test_finish_lets_conversions_end_and_starts_no_more(line, queue):
    line.waiting += [1, 2, 3]
    for _ in range(3):
        await queue.wake()
    await line.until(lambda: line.running == 2)
    finishing = asyncio.create_task(queue.finish())
    await asyncio.sleep(0)
    await queue.wake()
    assert queue.is_full
    assert not finishing.done()
    line.open.set()
    async with asyncio.timeout(DEADLINE):
        await finishing
    assert (sorted(line.done), line.released, line.waiting) == ([1, 2], 0, [3])
    assert (await queue.run_batch(5)).started == 0
    room = asyncio.create_task(queue.room())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not room.done()  # wake-ups stay with other processes
    room.cancel()


async def test_close_ends_a_finish_and_releases_what_runs(line, queue):
    line.waiting += [1]
    await queue.wake()
    await line.until(lambda: line.running == 1)
    finishing = asyncio.create_task(queue.finish())
    async with asyncio.timeout(DEADLINE):
        assert await queue.close() == 1
        await finishing
    assert line.released == 1
