"""`just simulate`: how many takes a deployment converts, what saturates first, and what a take costs."""

import argparse

from benchmarks.scaling import document, measurement
from benchmarks.scaling.document import Results
from benchmarks.scaling.plan import ONE_MACHINE, TEN_MACHINES, TEN_MILLION, Figures, World

_TEN_MILLION = 10_000_000


def main() -> None:
    """Simulate with the kept costs, or measure them first."""
    parser = argparse.ArgumentParser(prog="just simulate", description=__doc__)
    parser.add_argument(
        "--measure", action="store_true", help="measure the costs on this machine first; ten minutes"
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of API calls; default: 5")
    parser.add_argument(
        "--write", action="store_true", help="keep the results, and write docs/guides/scaling.md from them"
    )
    arguments = parser.parse_args()
    measured = measurement.measure(arguments.rounds) if arguments.measure else document.read().measurement
    results = Results(measured, simulated(World(measured.costs)))
    for name, text in document.sections(results).items():
        print(f"{name}\n\n{text}\n")
    if arguments.write:
        document.write(results)


def simulated(world: World) -> list[Figures]:
    """Return the figures of two deployments at their largest load, and of one for ten million."""
    fixed = [
        world.figures(deployment, world.most_takes(deployment)) for deployment in (ONE_MACHINE, TEN_MACHINES)
    ]
    large = world.fewest_machines(TEN_MILLION, _TEN_MILLION)
    return [*fixed, world.figures(large, _TEN_MILLION)]


if __name__ == "__main__":
    main()
