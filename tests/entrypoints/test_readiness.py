import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from orak.adapters.clock.frozen import FrozenClock
from orak.application.clock_skew import ClockSkew
from orak.application.ports.failures import Unavailable
from orak.entrypoints.readiness import Health, Impaired, Readiness, clock_probe

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def passes():
    pass


async def fails():
    raise Unavailable


async def is_impaired():
    raise Impaired


async def test_failing_and_degraded_parts_are_told_apart():
    readiness = Readiness({"a": passes, "b": fails, "c": is_impaired, "d": fails})
    assert await readiness() == Health(["b", "d"], ["c"])


async def test_a_part_whose_probe_has_a_bug_fails_and_is_logged_once(caplog):
    broken = True

    async def probe():
        if broken:
            raise ValueError("a bug")

    readiness = Readiness({"a": passes, "b": probe})
    for _ in range(3):
        assert await readiness() == Health(["b"], [])
    [line] = caplog.records
    assert (line.event, line.exc_info[0]) == ("check_error", ValueError)
    broken = False
    assert await readiness() == Health([], [])
    broken = True
    assert await readiness() == Health(["b"], [])
    assert len(caplog.records) == 2


async def test_a_part_that_hangs_is_named_within_the_limit_and_probed_once():
    started, answer = [], asyncio.Event()

    async def hangs():
        started.append(1)
        await answer.wait()

    readiness = Readiness({"slow": hangs, "broken": fails}, limit=0.05)
    for _ in range(3):
        assert await readiness() == Health(["slow", "broken"], [])
    assert len(started) == 1
    answer.set()
    assert await readiness() == Health(["broken"], [])


async def test_closing_cancels_a_probe_that_hangs():
    cancelled = asyncio.Event()

    async def hangs():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    readiness = Readiness({"slow": hangs}, limit=0.01)
    await readiness()
    await readiness.close()
    assert cancelled.is_set()


@pytest.mark.parametrize(
    ("machine", "tokens", "storage", "database", "expected"),
    [
        (0, 0, 0, 0, Health([], [])),
        (29, 0, 0, 0, Health([], [])),
        (-31, 0, 0, 0, Health([], ["clock"])),
        (600, 0, 0, 0, Health([], ["clock"])),  # tokens follow the database, which is right
        (300, 300, 0, None, Health(["clock"], [])),  # on SQLite tokens follow the machine
        (0, -301, 0, -301, Health(["clock"], [])),  # the database is wrong, and tokens follow it
        (600, 600, None, None, Health([], [])),  # nothing to compare with
    ],
)
async def test_the_clock_fails_only_where_tokens_and_urls_are_wrong(
    machine, tokens, storage, database, expected
):
    """Each figure is the seconds by which a clock is ahead; None does not answer."""

    def remote(ahead):
        async def now():
            if ahead is None:
                raise Unavailable
            return NOW + timedelta(seconds=ahead)

        return now

    skew = ClockSkew(
        FrozenClock(NOW + timedelta(seconds=machine)),
        {"storage": remote(storage), "database": remote(database)},
    )
    probe = clock_probe(FrozenClock(NOW + timedelta(seconds=tokens)), skew)
    assert await Readiness({"clock": probe})() == expected


async def test_a_clock_that_is_ahead_has_a_positive_skew():
    async def unreachable():
        raise Unavailable

    async def behind():
        return NOW - timedelta(seconds=90)

    skew = ClockSkew(FrozenClock(NOW), {"storage": unreachable, "database": behind})
    assert await skew() == {"database": 90.0}
