import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from builders import START
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock


@pytest.mark.parametrize("clock", [SystemClock(), FrozenClock()], ids=["system", "frozen"])
async def test_the_time_is_aware_in_utc_and_never_goes_back(clock):
    earlier = clock.now()
    await clock.sleep(0)
    assert earlier.tzinfo is UTC
    assert clock.now() >= earlier


async def test_the_system_clock_tells_this_machines_time():
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_sleep_lasts_at_least_as_long_as_asked():
    clock = SystemClock()
    start = asyncio.get_running_loop().time()
    await clock.sleep(0.01)
    assert asyncio.get_running_loop().time() - start >= 0.009


async def test_a_frozen_clock_stands_still():
    clock = FrozenClock(START)
    await asyncio.sleep(0)
    assert clock.now() == START


async def test_a_sleeper_wakes_when_its_time_was_reached():
    clock = FrozenClock(START)
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (5, 1, 3, 1):
            group.create_task(sleeper(seconds))
        await asyncio.sleep(0)
        clock.advance(timedelta(seconds=0.9))
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(timedelta(seconds=2.1))
        await asyncio.sleep(0)
        assert woken == [1, 1, 3]
        clock.advance(timedelta(hours=1))
    assert woken == [1, 1, 3, 5]


async def test_a_sleeper_that_is_cancelled_is_forgotten():
    clock = FrozenClock(START)
    sleeper = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    clock.advance(timedelta(seconds=2))


async def test_sleeping_for_no_time_lets_others_run():
    clock = FrozenClock(START)
    ran = asyncio.Event()
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: ran.set())
    while not ran.is_set():
        await clock.sleep(0)
