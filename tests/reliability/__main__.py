"""`just chaos N SEED`: run many trials and print a line for each; exit with 1 if any trial failed."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from reliability.trial import run_trial
from reliability.world import World, cluster, embedded, meddled, networked

WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "cluster": cluster,
    "embedded": embedded,
    "meddled": meddled,
    "networked": networked,
}


def main(trials: int, first_seed: int, kind: str, seconds: float) -> int:
    outcomes = []
    for seed in range(first_seed, first_seed + trials):
        outcome = asyncio.run(run_trial(WORLDS[kind], seed, seconds))
        outcomes.append(outcome)
        print(outcome, flush=True)
        for problem in [*outcome.verdict.problems, *outcome.history.surprises][:20]:
            print(f"    {problem}")
        if outcome.logs:
            print(f"    logs: {outcome.logs}")
    passed = sum(outcome.passed for outcome in outcomes)
    print(
        f"{passed} of {trials} trials passed: acknowledged {sum(o.verdict.acknowledged for o in outcomes)}, "
        f"lost {sum(len(o.verdict.lost) for o in outcomes)}, "
        f"duplicated {sum(len(o.verdict.duplicated) for o in outcomes)}, "
        f"longest recovery {max(o.recovery_seconds for o in outcomes):.1f} s"
    )
    return 0 if passed == trials else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just chaos", description=__doc__)
    parser.add_argument("trials", type=int, nargs="?", default=10)
    parser.add_argument("seed", type=int, nargs="?", default=1, help="seed of the first trial")
    parser.add_argument("world", choices=WORLDS, nargs="?", default="cluster")
    parser.add_argument("--seconds", type=float, default=12.0, help="duration of the faults in each trial")
    arguments = parser.parse_args()
    sys.exit(main(arguments.trials, arguments.seed, arguments.world, arguments.seconds))
