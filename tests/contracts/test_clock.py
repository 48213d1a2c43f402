import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from builders import START
from orak.adapters.clock.following import FollowingClock
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.application.ports.failures import Unavailable


@pytest.mark.parametrize(
    "clock", [SystemClock(), FrozenClock(), FollowingClock()], ids=["system", "frozen", "following"]
)
async def test_the_time_is_aware_in_utc_and_never_goes_back(clock):
    earlier = clock.now()
    await clock.sleep(0)
    assert earlier.tzinfo is UTC
    assert clock.now() >= earlier


async def test_the_system_clock_shows_the_time_of_this_machine():
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("clock", [SystemClock(), FollowingClock()], ids=["system", "following"])
async def test_sleep_lasts_at_least_the_requested_time(clock):
    start = asyncio.get_running_loop().time()
    await clock.sleep(0.01)
    assert asyncio.get_running_loop().time() - start >= 0.009  # timers are rounded to milliseconds


async def test_a_frozen_clock_stands_still():
    clock = FrozenClock(START)
    await asyncio.sleep(0)
    assert clock.now() == START


async def test_a_sleeper_wakes_when_its_time_is_reached():
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


async def test_a_cancelled_sleep_leaves_nothing_behind():
    clock = FrozenClock(START)
    sleeper = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper
    clock.advance(timedelta(seconds=2))


async def test_sleeping_for_zero_seconds_lets_other_tasks_run():
    clock = FrozenClock(START)
    ran = asyncio.Event()
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: ran.set())
    while not ran.is_set():
        await clock.sleep(0)


HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class RemoteClock:
    """The clock of another machine, which runs ahead or behind, and may not answer."""

    def __init__(self, ahead):
        self.ahead, self.asked, self.away = ahead, 0, False

    async def __call__(self):
        self.asked += 1
        if self.away:
            raise Unavailable
        return datetime.now(UTC) + self.ahead

    async def was_asked(self, times):
        times += self.asked
        async with asyncio.timeout(5):
            while self.asked < times:  # noqa: ASYNC110 - the caller sets no event
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("ahead", [3 * HOUR, -3 * HOUR, timedelta(0)], ids=str)
async def test_a_following_clock_shows_the_time_of_the_other_machine(ahead):
    clock, elsewhere = FollowingClock(), RemoteClock(ahead)
    async with clock.following(elsewhere):
        assert abs(clock.now() - (datetime.now(UTC) + ahead)) < SECOND


async def test_the_offset_is_measured_in_the_middle_of_the_round_trip():
    async def far_away():
        await asyncio.sleep(0.05)
        answer = datetime.now(UTC) + HOUR
        await asyncio.sleep(0.05)
        return answer

    clock = FollowingClock()
    async with clock.following(far_away):
        # Measured at either end of the round trip, it would be 50 ms off.
        assert abs(clock.now() - datetime.now(UTC) - HOUR) < timedelta(seconds=0.045)


async def test_a_remote_clock_that_was_set_is_followed():
    clock, elsewhere = FollowingClock(every=0.001), RemoteClock(HOUR)
    async with clock.following(elsewhere):
        elsewhere.ahead = -HOUR
        await elsewhere.was_asked(6)
        assert abs(clock.now() - datetime.now(UTC) + HOUR) < SECOND


async def test_a_small_correction_never_goes_back():
    clock, elsewhere = FollowingClock(every=0.001), RemoteClock(HOUR)
    async with clock.following(elsewhere):
        latest = clock.now()
        elsewhere.ahead = HOUR - timedelta(seconds=0.5)
        deadline = asyncio.get_running_loop().time() + 0.05
        while asyncio.get_running_loop().time() < deadline:
            assert clock.now() >= latest
            latest = clock.now()
            await asyncio.sleep(0)


async def test_a_remote_clock_that_does_not_answer_is_extrapolated_and_asked_again():
    clock, elsewhere = FollowingClock(every=0.001, retry=0.001), RemoteClock(HOUR)
    elsewhere.away = True
    async with clock.following(elsewhere):
        assert abs(clock.now() - datetime.now(UTC)) < SECOND  # the time of this machine meanwhile
        elsewhere.away = False
        await elsewhere.was_asked(6)
        elsewhere.away = True
        await elsewhere.was_asked(2)
        assert abs(clock.now() - datetime.now(UTC) - HOUR) < SECOND
