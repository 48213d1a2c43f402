"""Immediate and background conversions, which share one capacity."""

import asyncio
import logging

import pytest

from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.application.ports.failures import Unavailable
from orak.domain.identity import UploadId

DEADLINE = 5


class WaitingLine:
    """Waiting uploads, and conversions that last until `open` is set."""

    def __init__(self, *waiting: int) -> None:
        self.waiting = list(waiting)
        self.done: list[int] = []
        self.running = 0
        self.most_running = 0
        self.released = 0
        self.open = asyncio.Event()
        self.changed = asyncio.Event()

    async def process(self, upload_id: UploadId | None = None, *, claimed=None) -> bool:
        if upload_id is None and not self.waiting:
            return False
        number = self.waiting.pop(0) if upload_id is None else upload_id
        if claimed:
            claimed()
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
        return True

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await self.changed.wait()


def a_batch_of(size: int):
    async def batch_size() -> int:
        return size

    return batch_size


def a_pool(process, capacity, *, workers, batch_size):
    pool = InlineQueue(capacity, workers=workers)
    pool.open(process, batch_size=batch_size)
    return pool


@pytest.fixture
async def line():
    return WaitingLine()


@pytest.fixture
async def queue(line):
    queue = a_pool(line.process, asyncio.Semaphore(2), workers=2, batch_size=a_batch_of(50))
    yield queue
    await queue.close()


@pytest.fixture
async def slots_and_queue(line):
    capacity = asyncio.Semaphore(2)
    queue = a_pool(line.process, capacity, workers=2, batch_size=a_batch_of(50))
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


async def test_without_a_free_slot_the_upload_waits_in_the_queue(line, slots_and_queue):
    slots, _ = slots_and_queue
    await slots.start(UploadId(1))
    line.waiting.append(2)
    queued = await slots.start(UploadId(2))
    await queued.wait(DEADLINE)  # returns at once: the queue gives no time
    line.open.set()
    await line.until(lambda: sorted(line.done) == [1, 2])


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
    await queue.wake()
    await queue.wake()
    await line.until(lambda: line.running == 2)
    line.open.set()
    await line.until(lambda: len(line.done) == 4)
    assert line.most_running == 2


async def test_with_no_slots_every_upload_waits_in_the_queue(line):
    queue = a_pool(line.process, asyncio.Semaphore(1), workers=1, batch_size=a_batch_of(50))
    slots = Slots(queue, asyncio.Semaphore(1), immediate=0)
    slots.open(line.process)
    line.waiting.append(1)
    line.open.set()
    await slots.start(UploadId(1))
    await line.until(lambda: line.done == [1])
    await queue.close()


async def test_before_slots_open_an_upload_waits_in_the_queue(line, queue):
    slots = Slots(queue, asyncio.Semaphore(1), immediate=1)
    line.waiting.append(1)
    line.open.set()
    await slots.start(UploadId(1))
    await line.until(lambda: line.done == [1])


async def test_a_wake_up_before_the_queue_opens_is_not_lost(line):
    queue = InlineQueue(asyncio.Semaphore(1), workers=1)
    line.waiting.append(1)
    line.open.set()
    await queue.wake()
    assert queue.is_full
    room = asyncio.create_task(queue.room())
    queue.open(line.process, batch_size=a_batch_of(50))
    await line.until(lambda: line.done == [1])
    async with asyncio.timeout(DEADLINE):
        await room
    await queue.close()


async def test_one_wake_up_converts_all_waiting_uploads(line, queue):
    line.waiting.extend(range(10))
    line.open.set()
    await queue.wake()
    await line.until(lambda: len(line.done) == 10)
    assert line.done == list(range(10))


async def test_a_wake_up_while_all_workers_are_claiming_is_not_lost(line):
    """The upload may have arrived after the claim was sent and before it was answered."""
    claiming, answer = asyncio.Event(), asyncio.Event()

    async def process(upload_id: UploadId | None = None, *, claimed=None) -> bool:
        if not claiming.is_set():
            claiming.set()
            await answer.wait()
            return False
        return await line.process(upload_id, claimed=claimed)

    queue = a_pool(process, asyncio.Semaphore(1), workers=1, batch_size=a_batch_of(50))
    await queue.wake()
    await claiming.wait()
    line.waiting.append(1)
    line.open.set()
    await queue.wake()
    answer.set()
    await line.until(lambda: line.done == [1])
    await queue.close()


async def test_a_full_batch_is_followed_by_the_next_one(line):
    queue = a_pool(line.process, asyncio.Semaphore(1), workers=1, batch_size=a_batch_of(3))
    line.waiting.extend(range(8))
    line.open.set()
    await queue.wake()
    await line.until(lambda: len(line.done) == 8)
    await queue.close()


async def test_a_change_of_the_batch_size_applies_within_a_batch(line, caplog):
    caplog.set_level(logging.DEBUG)

    async def size() -> int:
        return 1000 if len(line.done) < 4 else 3

    queue = a_pool(line.process, asyncio.Semaphore(1), workers=1, batch_size=size)
    line.waiting.extend(range(10))
    line.open.set()
    await queue.wake()
    await line.until(lambda: len(line.done) == 10)
    await queue.close()
    assert [record.args for record in caplog.records if "is full" in record.msg] == [(4,), (3,), (3,)]


async def test_one_wake_up_starts_as_many_workers_as_there_are_uploads(line):
    queue = a_pool(line.process, asyncio.Semaphore(9), workers=3, batch_size=a_batch_of(50))
    line.waiting.extend(range(5))
    await queue.wake()
    await line.until(lambda: line.running == 3)
    line.open.set()
    await line.until(lambda: len(line.done) == 5)
    assert line.most_running == 3
    await queue.close()


async def test_a_failed_worker_makes_room_for_the_next_one(line, caplog):
    calls = 0

    async def process(upload_id: UploadId | None = None, *, claimed=None) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            line._tell()
            raise Unavailable("the database is away")
        return await line.process(upload_id, claimed=claimed)

    queue = a_pool(process, asyncio.Semaphore(1), workers=1, batch_size=a_batch_of(50))
    await queue.wake()
    await line.until(lambda: calls == 1)
    line.waiting.append(1)
    line.open.set()
    async with asyncio.timeout(DEADLINE):
        while not line.done:
            await queue.wake()
            await asyncio.sleep(0)
    await queue.close()
    assert "stopped until the next wake-up" in caplog.text
