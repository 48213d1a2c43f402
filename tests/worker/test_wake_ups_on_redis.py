"""Wake-ups on a real Redis: outages, several workers, and what is left behind."""

import asyncio
import time

import pytest

from orak.adapters.queues.taskiq_broker import MAX_WAKE_UPS, QUEUE
from orak.adapters.redis.link import COOLDOWN
from waiting_uploads import DEADLINE, WaitingUploads, a_sender, a_worker


@pytest.fixture
async def takes():
    return WaitingUploads()


def complaints(caplog):
    return [record for record in caplog.records if "does not answer" in record.message]


async def until_woken(queue, condition):
    """Wake until it helps: right after an outage a wake-up may still be lost."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await queue.wake()
            await asyncio.sleep(0.05)


async def test_flushing_redis_makes_nobody_deaf(redis_server, takes):
    takes.open.set()
    async with a_sender(redis_server) as queue, a_worker(redis_server, takes):
        for number in range(3):
            takes.waiting.append(number)
            await queue.wake()
            await takes.until(lambda: len(takes.done) == number + 1)  # noqa: B023 - waited for here
            redis_server.flush()


async def test_redis_that_is_killed_costs_time_and_one_line_and_comes_back(own_redis, takes, caplog):
    takes.open.set()
    async with a_sender(own_redis) as queue, a_worker(own_redis, takes):
        await queue.wake()
        await takes.until(lambda: takes.looks)
        own_redis.kill()
        for _ in range(20):
            began = time.monotonic()
            await queue.wake()
            assert time.monotonic() - began < 0.5
        assert 1 <= len(complaints(caplog)) <= 2  # the sender's and the worker's
        await asyncio.sleep(COOLDOWN)  # long enough for several tries of the worker's
        assert len(complaints(caplog)) == 2
        assert not any(record.exc_info for record in caplog.records)

        own_redis.start()
        takes.waiting.append(1)
        await until_woken(queue, lambda: takes.done == [1])
        await takes.until(lambda: "answers again" in caplog.text)


async def test_neither_end_needs_redis_to_start(own_redis, takes, caplog):
    takes.open.set()
    own_redis.kill()
    async with a_sender(own_redis) as queue, a_worker(own_redis, takes):
        assert complaints(caplog)
        await queue.wake()
        own_redis.start()
        takes.waiting.append(1)
        await until_woken(queue, lambda: takes.done == [1])


async def test_a_redis_that_is_silent_holds_nobody_up():
    async def say_nothing(reader, writer):
        while await reader.read(1000):
            pass
        writer.close()

    class Silent:
        url: str

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        Silent.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        async with a_sender(Silent) as queue:
            for _ in range(5):
                began = time.monotonic()
                await queue.wake()
                assert time.monotonic() - began < 0.5


async def test_unheard_wake_ups_do_not_pile_up(redis_server):
    async with a_sender(redis_server) as queue:
        for _ in range(2 * MAX_WAKE_UPS):
            await queue.wake()
    with redis_server.client() as redis:
        assert redis.llen(QUEUE) == MAX_WAKE_UPS


async def test_a_burst_is_no_outage_and_its_last_wake_up_arrives(redis_server, takes, caplog):
    takes.open.set()
    async with a_sender(redis_server) as queue:
        await asyncio.gather(*(queue.wake() for _ in range(2000)))
        with redis_server.client() as redis:
            redis.delete(QUEUE)  # as if workers had taken those that left first
        await asyncio.gather(*(queue.wake() for _ in range(50)))
        takes.waiting.append(1)
        async with a_worker(redis_server, takes):
            await takes.until(lambda: takes.done == [1])
    assert not complaints(caplog)


async def test_a_busy_worker_leaves_wake_ups_to_an_idle_one(redis_server, takes):
    idle = WaitingUploads()
    async with a_sender(redis_server) as queue, a_worker(redis_server, takes, workers=1) as pool:
        takes.waiting.append(1)
        await pool.wake()  # by its own timer, while it listens: the next pop is under way already
        await takes.until(lambda: takes.running == 1)
        async with a_worker(redis_server, idle, workers=1):
            for _ in range(3):
                looks = idle.looks
                await queue.wake()
                await idle.until(lambda: idle.looks > looks)  # noqa: B023 - waited for here
        takes.open.set()


async def test_what_is_no_wake_up_is_thrown_away(redis_server, takes, caplog):
    takes.open.set()
    async with a_sender(redis_server) as queue, a_worker(redis_server, takes):
        with redis_server.client() as redis:
            redis.lpush(QUEUE, b"\xff nonsense")
        takes.waiting.append(1)
        await queue.wake()
        await takes.until(lambda: takes.done == [1])
    assert "Cannot parse" in caplog.text


async def test_a_stopped_worker_leaves_its_wake_ups_to_others(redis_server, takes):
    async with a_sender(redis_server) as queue:
        async with a_worker(redis_server, takes):
            pass
        takes.open.set()
        takes.waiting.append(1)
        await queue.wake()
        assert takes.looks == 0
        async with a_worker(redis_server, takes):
            await takes.until(lambda: takes.done == [1])
