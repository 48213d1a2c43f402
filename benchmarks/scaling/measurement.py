"""Costs, load profiles and the check of the simulation, measured on this machine."""

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rounds import microseconds, milliseconds, per_second
from benchmarks.scaling import api_costs, worker_costs
from benchmarks.scaling.api_costs import Calls
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.plan import measured_setup
from benchmarks.scaling.traffic import Take
from benchmarks.scaling.worker_costs import Converted, Workshop
from benchmarks.servers import Server, cpu_of_family, machine
from postgresql_server import Server as PostgresqlServer

_AT_ONCE = 24
_ONE_BY_ONE = 40
_IDLE_SECONDS = 30.0
"""Polls, heartbeats and timers of that time are taken off what the takes cost."""
_LOAD = 0.8
"""Share of what the workers can convert, for the takes that come one by one."""


@dataclass(frozen=True)
class Profile:
    """A figure with one process, with two, and the ratio."""

    what: str
    one: str
    two: str
    ratio: float


@dataclass(frozen=True)
class Check:
    """Delays of takes that came one by one: measured, and simulated from the same times and lengths."""

    workers: int
    takes: int
    measured: tuple[float, float, float]
    """Seconds: mean, median and 95th percentile."""
    simulated: tuple[float, float, float]


@dataclass(frozen=True)
class Measurement:
    """Everything that was measured in one run."""

    on: str
    machine: str
    load_average: tuple[float, float]
    """Over a minute, before and after."""
    costs: Costs
    profiles: list[Profile]
    checks: list[Check]


def measure(rounds: int) -> Measurement:
    """Measure; takes about ten minutes on two idle cores."""
    before = os.getloadavg()[0]
    database = PostgresqlServer()
    try:
        database.start()
        with TemporaryDirectory(prefix="orak-scaling-") as name:
            calls = api_costs.measure(Path(name), database, rounds)
            base, second = worker_costs.converter_seconds(Path(name))
            at_once, one_by_one, others = _workers(Path(name), database)
    finally:
        database.close()
    # What a worker does beside the conversion: download, publish, rows and heartbeats.
    base = max(base, others[2] - second * sum(take.seconds for take in at_once[0]) / _AT_ONCE)
    (presign, create, get, listed) = (calls[name][0].medians for name in ("presign", "create", "get", "list"))
    costs = Costs(
        presign=presign[1],
        create=create[1],
        get=get[1],
        list=listed[1],
        database=presign[2] + others[0],
        database_get=get[2],
        database_list=listed[2],
        redis=others[1],
        conversion_base=base,
        conversion_second=second,
    )
    taken, taken_a_second = worker_costs.line_through(at_once[0])
    here = replace(costs, conversion_base=taken, conversion_second=taken_a_second)
    return Measurement(
        on=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        load_average=(before, os.getloadavg()[0]),
        costs=costs,
        profiles=[*_of_calls(calls), _of_workers(*at_once)],
        checks=[_checked(takes, workers, here) for workers, takes in enumerate(one_by_one, 1)],
    )


@dataclass(frozen=True)
class _Used:
    """CPU seconds so far of PostgreSQL, Redis and the first worker."""

    at: float
    seconds: tuple[float, float, float]

    @classmethod
    def of(cls, shop: Workshop, postgresql: Server) -> "_Used":
        """Read them."""
        used = (postgresql.cpu_seconds(), shop.redis_seconds(), cpu_of_family(shop.workers[0]))
        return cls(time.monotonic(), used)

    def for_each_take(
        self, before: "_Used", shop: Workshop, postgresql: Server
    ) -> tuple[float, float, float]:
        """Return the seconds since *before* for each take, without those of as long a time in idleness."""
        time.sleep(_IDLE_SECONDS)
        after = _Used.of(shop, postgresql)
        share = (self.at - before.at) / (after.at - self.at)
        taken = [
            max(0.0, busy - begun - share * (idle - busy)) / _AT_ONCE
            for begun, busy, idle in zip(before.seconds, self.seconds, after.seconds, strict=True)
        ]
        return taken[0], taken[1], taken[2]


def _workers(
    folder: Path, database: PostgresqlServer
) -> tuple[list[list[Converted]], list[list[Converted]], tuple[float, float, float]]:
    """Return what one worker and two converted; and the CPU of PostgreSQL, Redis and worker a take."""
    postgresql = Server("postgresql", 0, database.pid, 0)
    chance = random.Random(1)
    at_once: list[list[Converted]] = []
    one_by_one: list[list[Converted]] = []
    spent = (0.0, 0.0, 0.0)
    for workers in (1, 2):
        with worker_costs.a_workshop(folder, database, workers) as shop:
            uploads = shop.uploads(_AT_ONCE, chance)
            before = _Used.of(shop, postgresql)
            at_once.append(shop.converted(uploads, [0.0] * _AT_ONCE))
            if workers == 1:
                spent = _Used.of(shop, postgresql).for_each_take(before, shop, postgresql)
            mean = sum(one.ended - one.began for one in at_once[0]) / _AT_ONCE
            pauses = [chance.expovariate(_LOAD * workers / mean) for _ in range(_ONE_BY_ONE * workers)]
            one_by_one.append(shop.converted(shop.uploads(len(pauses), chance), pauses))
    return at_once, one_by_one, spent


def _of_calls(calls: Calls) -> list[Profile]:
    """Compare one API process with two."""
    profiles = []
    for name, (one, two) in calls.items():
        pairs = zip(one.medians, two.medians, strict=True)
        units = {
            f"{name}: requests/s": per_second,
            f"{name}: CPU of the API a request": microseconds,
            f"{name}: CPU of PostgreSQL a request": microseconds,
            f"{name}: p99": milliseconds,
        }
        for (what, unit), (alone, both) in zip(units.items(), pairs, strict=True):
            profiles.append(Profile(f"API, {what}", unit(alone), unit(both), both / alone))
    return profiles


def _of_workers(one: Sequence[Converted], two: Sequence[Converted]) -> Profile:
    """Compare the takes a second of one worker and of two."""
    rates = [
        len(found) / (max(take.ended for take in found) - min(take.began for take in found))
        for found in (one, two)
    ]
    shown = [f"{rate * 60:.0f}/min" for rate in rates]
    return Profile("workers: takes a minute", shown[0], shown[1], rates[1] / rates[0])


def _checked(takes: Sequence[Converted], workers: int, costs: Costs) -> Check:
    first = takes[0].created
    delays = sorted(max(0.0, take.began - take.created) for take in takes)
    found = measured_setup([Take(one.created - first, one.seconds) for one in takes], 0, workers, costs)
    measured = (
        sum(delays) / len(delays),
        delays[len(delays) // 2],
        delays[round(0.95 * (len(delays) - 1))],
    )
    return Check(workers, len(takes), measured, (found.mean, found.percentile(0.5), found.percentile(0.95)))
