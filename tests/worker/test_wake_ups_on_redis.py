"""Wake-ups on a real Redis: outages, several workers, and the length of the list."""

import asyncio
import time

import pytest

from orak.adapters.queues import taskiq_broker
from orak.adapters.queues.taskiq_broker import QUEUE
from orak.adapters.redis import link
from orak.adapters.redis.link import COOLDOWN
from waiting_uploads import DEADLINE, WaitingUploads, a_sender, a_worker


@pytest.fixture
async def uploads():
    return WaitingUploads()


def outage_lines(caplog):
    return [record for record in caplog.records if "does not answer" in record.message]


async def until_woken(queue, condition):
    """Send wake-ups until *condition* is true: right after an outage, one may be lost."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await queue.wake()
            await asyncio.sleep(0.05)


async def test_workers_receive_wake_ups_after_flushall(redis_server, uploads):
    uploads.open.set()
    async with a_sender(redis_server) as queue, a_worker(redis_server, uploads):
        for number in range(3):
            uploads.waiting.append(number)
            await queue.wake()
            await uploads.until(lambda: len(uploads.done) == number + 1)  # noqa: B023 - waited for here
            redis_server.flush()


async def test_an_outage_of_redis_is_bounded_logged_once_and_ends_by_itself(own_redis, uploads, caplog):
    uploads.open.set()
    async with a_sender(own_redis) as queue, a_worker(own_redis, uploads):
        await queue.wake()
        await uploads.until(lambda: uploads.looks)
        own_redis.kill()
        for _ in range(20):
            began = time.monotonic()
            await queue.wake()
            assert time.monotonic() - began < 0.5
        assert 1 <= len(outage_lines(caplog)) <= 2  # one of the sender, one of the worker
        await asyncio.sleep(COOLDOWN)  # the worker retries several times in it
        assert len(outage_lines(caplog)) == 2
        assert not any(record.exc_info for record in caplog.records)

        own_redis.start()
        uploads.waiting.append(1)
        await until_woken(queue, lambda: uploads.done == [1])
        await uploads.until(lambda: "answers again" in caplog.text)


async def test_sender_and_worker_start_without_redis(own_redis, uploads, caplog):
    uploads.open.set()
    own_redis.kill()
    async with a_sender(own_redis) as queue, a_worker(own_redis, uploads):
        assert outage_lines(caplog)
        await queue.wake()
        own_redis.start()
        uploads.waiting.append(1)
        await until_woken(queue, lambda: uploads.done == [1])


async def test_a_redis_that_never_answers_does_not_block_callers():
    async def never_answer(reader, writer):
        while await reader.read(1000):
            pass
        writer.close()

    class Silent:
        url: str

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        Silent.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        async with a_sender(Silent) as queue:
            for _ in range(5):
                began = time.monotonic()
                await queue.wake()
                assert time.monotonic() - began < 0.5


async def test_unread_wake_ups_do_not_accumulate(redis_server, monkeypatch):
    monkeypatch.setattr(taskiq_broker, "MAX_WAKE_UPS", 100)
    async with a_sender(redis_server) as queue:
        for _ in range(2 * taskiq_broker.MAX_WAKE_UPS):
            await queue.wake()
    with redis_server.client() as redis:
        assert redis.llen(QUEUE) == taskiq_broker.MAX_WAKE_UPS


async def test_no_wake_up_of_a_burst_is_lost(redis_server):
    async with a_sender(redis_server) as queue:
        await asyncio.gather(*(queue.wake() for _ in range(500)))
    with redis_server.client() as redis:
        assert redis.llen(QUEUE) == 500


async def test_a_burst_is_not_logged_as_an_outage_and_its_last_wake_up_arrives(
    redis_server, uploads, caplog, monkeypatch
):
    # Five times the limit and five times the load: as strict, but a busy machine may pause for half a second.
    monkeypatch.setattr(link, "TIMEOUT", 5 * link.TIMEOUT)
    uploads.open.set()
    async with a_sender(redis_server) as queue:
        await asyncio.gather(*(queue.wake() for _ in range(5 * 2000)))
        with redis_server.client() as redis:
            redis.delete(QUEUE)  # as if workers had popped the first ones
        await asyncio.gather(*(queue.wake() for _ in range(50)))
        uploads.waiting.append(1)
        async with a_worker(redis_server, uploads):
            await uploads.until(lambda: uploads.done == [1])
    assert not outage_lines(caplog)


async def test_a_busy_worker_leaves_wake_ups_to_an_idle_one(redis_server, uploads):
    idle = WaitingUploads()
    async with a_sender(redis_server) as queue, a_worker(redis_server, uploads, workers=1) as pool:
        uploads.waiting.append(1)
        await pool.wake()  # as by a timer, while a blocking pop is under way
        await uploads.until(lambda: uploads.running == 1)
        async with a_worker(redis_server, idle, workers=1):
            for _ in range(3):
                looks = idle.looks
                await queue.wake()
                await idle.until(lambda: idle.looks > looks)  # noqa: B023 - waited for here
        uploads.open.set()


async def test_an_unreadable_message_is_dropped(redis_server, uploads, caplog):
    uploads.open.set()
    async with a_sender(redis_server) as queue, a_worker(redis_server, uploads):
        with redis_server.client() as redis:
            redis.lpush(QUEUE, b"\xff nonsense")
        uploads.waiting.append(1)
        await queue.wake()
        await uploads.until(lambda: uploads.done == [1])
    assert "Cannot parse" in caplog.text


async def test_a_stopped_worker_leaves_its_wake_ups_to_others(redis_server, uploads):
    async with a_sender(redis_server) as queue:
        async with a_worker(redis_server, uploads):
            pass
        uploads.open.set()
        uploads.waiting.append(1)
        await queue.wake()
        assert uploads.looks == 0
        async with a_worker(redis_server, uploads):
            await uploads.until(lambda: uploads.done == [1])
