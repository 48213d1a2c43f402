import asyncio
from datetime import timedelta

import pytest

from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.failures import Unavailable
from orak.entrypoints.worker.timers import Timer


@pytest.fixture
async def rounds():
    return asyncio.Queue()


@pytest.fixture
async def clock():
    return FrozenClock()


async def next_round(rounds, clock, seconds=5):
    """Advance the clock until the next round."""
    async with asyncio.timeout(5):
        while rounds.empty():
            await asyncio.sleep(0)
            clock.advance(timedelta(seconds=seconds))
        return rounds.get_nowait()


async def test_the_work_runs_at_once_and_again_after_the_interval(rounds, clock):
    async def work():
        rounds.put_nowait(clock.now())

    timer = Timer("work", work, clock, seconds=5)
    timer.start()
    async with asyncio.timeout(5):
        first = await rounds.get()
    assert await next_round(rounds, clock) >= first + timedelta(seconds=5)
    await timer.stop()


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a bug")])
async def test_a_failed_round_does_not_end_the_timer(rounds, clock, caplog, error):
    errors = [error]

    async def work():
        rounds.put_nowait(None)
        if errors:
            raise errors.pop()

    timer = Timer("work", work, clock, seconds=5)
    timer.start()
    async with asyncio.timeout(5):
        await rounds.get()
    await next_round(rounds, clock)
    await timer.stop()
    assert str(error) in caplog.text


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends(rounds, clock, caplog):
    async def work():
        number = count.pop()
        rounds.put_nowait(number)
        if 1 <= number <= 4:
            raise Unavailable("away")

    count = list(reversed(range(10)))
    timer = Timer("work", work, clock, seconds=5)
    timer.start()
    async with asyncio.timeout(5):
        await rounds.get()
    while await next_round(rounds, clock) < 6:
        pass
    await timer.stop()
    assert caplog.messages == ["work: away; next try in 5 s", "work: works again"]


async def test_stop_ends_the_work_in_the_middle(rounds, clock):
    async def work():
        rounds.put_nowait(None)
        await asyncio.Event().wait()

    timer = Timer("work", work, clock, seconds=5)
    timer.start()
    async with asyncio.timeout(5):
        await rounds.get()
        await timer.stop()


async def test_stop_can_be_cancelled(clock):
    release = asyncio.Event()

    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()

    timer = Timer("stubborn", stubborn, clock, seconds=1)
    timer.start()
    await asyncio.sleep(0)
    stopping = asyncio.create_task(timer.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait({stopping})
    assert stopping.cancelled()
    release.set()
    await timer.stop()


async def test_stop_ends_work_that_turns_its_cancellation_into_a_failure(clock):
    rounds = 0

    async def stubborn():
        nonlocal rounds
        rounds += 1
        try:
            await asyncio.Event().wait()
        finally:
            raise Unavailable("the database is busy")

    timer = Timer("stubborn", stubborn, clock, seconds=0)
    timer.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await timer.stop()
    assert rounds == 1
