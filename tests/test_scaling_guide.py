"""The simulation agrees with theory, and the guide shows what it computed."""

import random
from math import factorial

import pytest
from benchmarks.scaling import document
from benchmarks.scaling.fleet import Delays, Fleet, run
from benchmarks.scaling.plan import ONE_MACHINE, World
from benchmarks.scaling.traffic import BUSIEST_MINUTE, Take, Takes, arrivals, share_of_minute


def test_the_guide_shows_the_kept_results():
    guide = document.GUIDE.read_text()
    assert document.with_results(guide, document.read()) == guide, "run `just simulate --write`"


def test_the_kept_figures_follow_from_the_kept_costs():
    results = document.read()
    world = World(results.measurement.costs)
    kept = results.figures[0]
    assert world.figures(ONE_MACHINE, kept.takes) == kept, "run `just simulate --write`"
    assert world.delays(ONE_MACHINE, round(kept.takes * 1.04)).mean > 30


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a customer waits; *load* in Erlang (A. K. Erlang, 1917)."""
    waits = load**servers / factorial(servers) * servers / (servers - load)
    return waits / (sum(load**k / factorial(k) for k in range(servers)) + waits)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.7), (4, 3.2), (8, 6.0)])
def test_delays_are_those_of_queueing_theory(workers, load):
    chance, now, takes = random.Random(1), 0.0, []  # noqa: S311 - repeatable, not a secret
    for _ in range(200_000):
        now += chance.expovariate(load)
        takes.append(Take(now, chance.expovariate(1.0)))  # the "length" is the time of its conversion
    found = Delays()
    run(takes, Fleet(1, 0, workers), lambda seconds: seconds, chance, noted=lambda _, delay: found.add(delay))
    assert len(found) == len(takes)
    assert found.mean == pytest.approx(erlang_c(workers, load) / (workers - load), rel=0.05)


def test_a_free_slot_starts_a_take_at_once_and_a_full_machine_leaves_it_to_the_workers():
    takes = [Take(0.0, 10.0), Take(1.0, 10.0), Take(2.0, 10.0)]
    started = []
    run(
        takes,
        Fleet(1, 1, 1),
        lambda seconds: seconds,
        random.Random(1),  # noqa: S311 - repeatable, not a secret
        wake_up=0.5,
        noted=lambda at, delay: started.append((at, delay)),
    )
    assert started == [(0.0, None), (1.0, 0.5), (2.0, 9.5 + 0.5)]  # the worker is free at 11.5


def test_a_day_has_its_takes_and_its_peak_in_the_evening():
    assert sum(map(share_of_minute, range(1440))) == pytest.approx(1, abs=0.01)
    assert 20 * 60 <= BUSIEST_MINUTE < 22 * 60
    chance = random.Random(1)  # noqa: S311 - repeatable, not a secret
    found = list(arrivals(2000, Takes(), chance, hours=(0, 24)))
    assert len(found) == pytest.approx(2000, rel=0.1)
    assert [take.at for take in found] == sorted(take.at for take in found)
    assert all(5 <= take.seconds <= 600 for take in found)
