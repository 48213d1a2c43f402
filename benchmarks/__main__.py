"""`just bench [GOAL...]`: measure orak against its peers and print the table of goals."""

import argparse
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import (
    against_companion,
    against_peer,
    converting,
    crowd,
    document,
    first_byte,
    growth,
    load,
    loudness,
    servers,
    starting,
    wake_ups,
    web_workers,
)
from benchmarks.document import Run
from benchmarks.rounds import HEADING, Line, microseconds, per_second
from postgresql_server import Server as PostgresqlServer

_Goals = tuple[set[str], Callable[[Path, PostgresqlServer, int], Iterable[Line]]]


_RUNS: list[_Goals] = [
    ({"1", "2", "3"}, against_peer.presigning),
    ({"4"}, against_companion.presigning),
    ({"5"}, lambda folder, _, rounds: against_peer.presigning_on_sqlite(folder, rounds)),
    ({"6", "7"}, against_peer.records),
    ({"8"}, growth.far_page),
    ({"9", "10"}, lambda folder, _, rounds: converting.converting(folder, rounds)),
    ({"11"}, lambda _folder, _database, rounds: wake_ups.waking(rounds)),
    ({"12"}, lambda folder, _, rounds: first_byte.first_byte(folder, rounds)),
    ({"13"}, growth.growth),
    ({"14"}, starting.starting),
    ({"15"}, lambda _folder, _database, rounds: crowd.crowd(rounds)),
    ({"16"}, web_workers.web_workers),
]


def main() -> None:
    """Run what the command line asks for, and print each line of the table as it is measured."""
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument(
        "goals",
        nargs="*",
        help="numbers of the goals to measure; default: all. `loudness` counts kept promises instead.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds; default: 5")
    parser.add_argument("--results", type=Path, help="append the lines to this file, as JSON")
    parser.add_argument(
        "--write", action="store_true", help="write the results into docs/guides/performance.md and its plot"
    )
    arguments = parser.parse_args()
    if arguments.goals == ["loudness"]:
        with TemporaryDirectory(prefix="orak-bench-") as folder:
            for found in loudness.promises(Path(folder)):
                print(found, flush=True)
        return
    known = set().union(*(names for names, _ in _RUNS))
    if unknown := set(arguments.goals) - known:
        parser.error(
            f"no such goal: {', '.join(sorted(unknown))}; choose from {', '.join(sorted(known, key=int))}"
        )
    lines = measured(set(arguments.goals), arguments.rounds)
    run = Run(datetime.now(UTC).date().isoformat(), servers.machine(), arguments.rounds)
    if arguments.results:
        document.append(arguments.results, run, lines)
    if arguments.write:
        document.update(run, lines)


def measured(goals: set[str], rounds: int) -> list[Line]:
    """Measure *goals*, all if empty, and print each line and the machine's state before and after."""
    began = time.monotonic()
    print(f"{servers.machine()}; {_busyness()}")
    rate, cpu = load.own_cost()
    print(
        f"The load generator takes {microseconds(cpu)} a request, and reaches at most {per_second(rate)}.\n"
    )
    print(HEADING, flush=True)
    lines: list[Line] = []
    with ExitStack() as stack:
        database = PostgresqlServer()
        stack.callback(database.close)
        database.start()
        for names, run in _RUNS:
            if goals and not goals & names:
                continue
            with TemporaryDirectory(prefix="orak-bench-") as folder:
                try:
                    for found in run(Path(folder), database, rounds):
                        print(found, flush=True)
                        lines.append(found)
                except against_companion.NotInstallable as error:
                    print(f"Goal {', '.join(sorted(names))} is skipped: {error}", flush=True)
    print(f"\nTook {(time.monotonic() - began) / 60:.0f} min; {_busyness()}")
    return lines


def _busyness() -> str:
    return f"load average {os.getloadavg()[0]:.1f} over the last minute"


if __name__ == "__main__":
    main()
