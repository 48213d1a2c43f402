"""When the timers that read the event log do their work."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.event_signal import CommitSignal
from orak.entrypoints.worker.event_rounds import EventRounds

SECONDS = 0.5
QUIET = 5.0


class Timers:
    """Callers that take part in each round, on a clock that stands still."""

    def __init__(self, *, hears_every_process=False, is_quiet=True) -> None:
        self.clock = FrozenClock()
        self.signal = CommitSignal(hears_every_process=hears_every_process)
        self.is_quiet = is_quiet
        self.rounds = EventRounds(self.signal, lambda: self.is_quiet, self.clock, seconds=SECONDS)
        self.worked: list[tuple[str, float]] = []
        self._began = self.clock.now()
        self._tasks = [asyncio.create_task(self._work(name)) for name in ("relay", "live")]

    async def _work(self, name) -> None:
        while True:
            begun = self.rounds.begun
            self.worked.append((name, self.time))
            await self.rounds.after(begun)

    @property
    def time(self) -> float:
        return (self.clock.now() - self._began).total_seconds()

    async def pass_time(self, seconds, step=0.01) -> list[float]:
        """Return when the relay worked meanwhile."""
        self.worked.clear()
        await self.settle()
        for _ in range(round(seconds / step)):
            self.clock.advance(timedelta(seconds=step))
            await self.settle()
        times = [time for name, time in self.worked if name == "relay"]
        assert times == [time for name, time in self.worked if name == "live"], "a timer missed a round"
        return times

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.rounds.close()


@pytest.fixture
async def start():
    started = []

    def begin(**options):
        started.append(Timers(**options))
        return started[-1]

    yield begin
    for timers in started:
        await timers.close()


async def test_without_signals_all_timers_work_together_at_the_interval(start):
    times = await start().pass_time(3)
    assert 5 <= len(times) <= 6
    assert all(later - earlier <= 2 * SECONDS for earlier, later in pairwise(times))


async def test_a_commit_begins_a_round_at_once(start):
    timers = start()
    await timers.pass_time(0.1)
    timers.signal.give()
    assert (await timers.pass_time(0.01))[0] <= 0.11


async def test_rounds_under_load_come_no_more_often_than_the_interval(start):
    timers = start(hears_every_process=True)
    times = []
    for _ in range(500):
        timers.signal.give()
        times += await timers.pass_time(0.01)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) <= SECONDS + 0.02
    assert all(gap >= SECONDS - 0.02 for gap in gaps[-5:])


async def test_an_empty_log_is_read_rarely_if_every_process_is_heard(start):
    timers = start(hears_every_process=True)
    await timers.pass_time(QUIET)
    assert len(await timers.pass_time(4 * QUIET)) <= 4
    timers.signal.give()
    assert len(await timers.pass_time(0.05)) == 1


@pytest.mark.parametrize("options", [{"hears_every_process": True, "is_quiet": False}, {"is_quiet": True}])
async def test_otherwise_it_is_read_at_the_interval(start, options):
    timers = start(**options)
    await timers.pass_time(QUIET)
    assert len(await timers.pass_time(QUIET)) >= 9


async def test_a_timer_that_missed_a_round_works_again_at_once(start):
    timers = start()
    await timers.pass_time(0.1)
    begun = timers.rounds.begun
    timers.signal.give()
    await timers.settle()
    async with asyncio.timeout(5):
        await timers.rounds.after(begun)
