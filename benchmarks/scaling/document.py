"""`docs/guides/scaling.md`, written from what was measured and simulated.

`docs/guides/scaling.json` holds both. A test compares the guide with it.
"""

from pathlib import Path
from textwrap import fill

import msgspec

from benchmarks.scaling.measurement import Check, Measurement
from benchmarks.scaling.plan import Figures, World

_GUIDES = Path(__file__).parents[2] / "docs" / "guides"
GUIDE = _GUIDES / "scaling.md"
RESULTS = _GUIDES / "scaling.json"
_WIDTH = 100
_BUSY = 4.0
"""Load average at which other programs wait for the cores, too."""
_BUSY_MACHINE = fill(
    "**Other programs kept the machine busy during this measurement**, see the load average above. Rates, "
    "latencies and their ratios are therefore noise; CPU time a request holds better. Measure again on an "
    "idle machine before you rely on them.",
    _WIDTH,
)


class Results(msgspec.Struct, frozen=True):
    """What `just simulate --write` keeps."""

    measurement: Measurement
    figures: list[Figures]


def read(file: Path = RESULTS) -> Results:
    """Return the kept results."""
    return msgspec.json.decode(file.read_bytes(), type=Results)


def write(results: Results) -> None:
    """Keep *results*, and write the guide from them."""
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    GUIDE.write_text(with_results(GUIDE.read_text(), results))


def with_results(guide: str, results: Results) -> str:
    """Return the text of *guide* with its four tables written from *results*."""
    for name, text in sections(results).items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = guide.partition(begin)
        _, _, after = rest.partition(end)
        assert after, f"the guide has no {begin} and {end}"
        guide = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return guide


def sections(results: Results) -> dict[str, str]:
    """Return the parts of the guide that are written, by the name of their markers."""
    world = World(results.measurement.costs)
    return {
        "simulated": _simulated(results.figures),
        "assumed": _assumed(world),
        "costs": _costs(results.measurement, world),
        "profiles": _profiles(results.measurement),
        "checked": _checked(results.measurement.checks),
        "shards": _shards(world),
    }


def _simulated(figures: list[Figures]) -> str:
    rows: list[tuple[str, list[str]]] = [
        ("machines, cores of each; cores of the database", [_machines(one) for one in figures]),
        ("takes a day", [f"{one.takes:,}" for one in figures]),
        ("takes a second in the busiest minute", [f"{one.busiest:,.1f}" for one in figures]),
    ]
    rows += [
        (f"{part} in use then", [_share(one.parts[part]) for one in figures]) for part in figures[0].parts
    ]
    rows += [
        ("**saturates first**", [f"**{one.first}**" for one in figures]),
        ("starts in the create call", [_share(one.immediate) for one in figures]),
        ("queue delay in the busiest hour: p50", [f"{one.median:.1f} s" for one in figures]),
        ("p95", [f"{one.p95:.1f} s" for one in figures]),
        ("mean", [f"{one.mean:.1f} s" for one in figures]),
        ("machines, for 1,000 takes", [_dollars(one.machine_cost) for one in figures]),
        ("… if cores follow the load", [_dollars(one.machine_cost_if_cores_follow) for one in figures]),
        ("requests of S3, for 1,000 takes", [_dollars(one.request_cost) for one in figures]),
        ("storage, for 1,000 takes", [_dollars(one.storage_cost) for one in figures]),
        ("**1,000 takes**", [f"**{_dollars(one.cost)}**" for one in figures]),
    ]
    return _table(["", *(one.name for one in figures)], rows)


def _machines(one: Figures) -> str:
    database = str(one.database_cores) if one.database_cores else "on the machine"
    return f"{one.machines}, {one.cores}; {database}"


def _assumed(world: World) -> str:
    takes, use, prices, calls, limits = world.takes, world.use, world.prices, world.calls, world.limits
    rows = [
        (
            "length of a take",
            [
                (
                    f"{takes.given_up:.0%} end after {takes.seconds_until_given_up:.0f} s (exponential), "
                    f"the others {takes.song_seconds:.0f} ± {takes.song_deviation:.0f} s (normal); "
                    f"mean {takes.mean():.0f} s"
                )
            ],
        ),
        ("calls of a take", [f"1 presign, 1 create, {use.gets} reads of the record, {use.lists} lists"]),
        ("size", [f"{use.bytes_per_second / 1000:.0f} kB a second, uploaded and published"]),
        ("calls of S3", [f"{calls.writes} writes and {calls.reads} reads a take"]),
        (
            "limit of S3",
            [f"{limits.store_writes:,.0f} writes and {limits.store_reads:,.0f} reads a second for a prefix"],
        ),
        ("price of a core", [f"${prices.core_hour:g} an hour"]),
        (
            "price of storage",
            [f"${prices.gigabyte_month:g} a GB and month; a take is kept {prices.months_kept} months"],
        ),
        (
            "price of requests",
            [f"${prices.thousand_writes:g} for 1,000 writes, ${prices.thousand_reads:g} for 1,000 reads"],
        ),
    ]
    return _table(["assumed", "value"], rows)


def _costs(measurement: Measurement, world: World) -> str:
    costs = measurement.costs
    rows = [
        (
            "presign, create, get, list: CPU of the API",
            [_all_micro(costs.presign, costs.create, costs.get, costs.list)],
        ),
        ("all calls of a take: CPU of the API", [f"{world.api_cpu * 1e3:.1f} ms"]),
        ("all statements of a take: CPU of PostgreSQL", [f"{world.database_cpu * 1e3:.1f} ms"]),
        ("wake-up and progress of a take: CPU of Redis", [f"{costs.redis * 1e3:.2f} ms"]),
        (
            "conversion of a voice, on one core",
            [f"{costs.conversion_base:.2f} s + {costs.conversion_second * 1e3:.1f} ms for each second"],
        ),
        ("conversion of the mean take", [f"{costs.conversion(world.takes.mean()):.1f} s"]),
    ]
    before, after = measurement.load_average
    where = fill(
        f"Measured on {measurement.on}: {measurement.machine}; load average {before:.1f} before and "
        f"{after:.1f} after.",
        _WIDTH,
    )
    return f"{_table(['cost', 'measured'], rows)}\n\n{where}"


def _all_micro(*seconds: float) -> str:
    return ", ".join(f"{one * 1e6:,.0f}" for one in seconds) + " µs"


def _profiles(measurement: Measurement) -> str:
    rows = [(one.what, [one.one, one.two, f"**{one.ratio:.2f}**"]) for one in measurement.profiles]
    table = _table(["", "1 process", "2 processes", "ratio"], rows)
    if max(measurement.load_average) < _BUSY:
        return table
    return f"{_BUSY_MACHINE}\n\n{table}"


def _checked(checks: list[Check]) -> str:
    rows = []
    for check in checks:
        for name, measured, simulated in zip(
            ("mean", "p50", "p95"), check.measured, check.simulated, strict=True
        ):
            rows.append(
                (
                    f"{check.workers} worker{'s' * (check.workers > 1)}, {check.takes} takes: {name}",
                    [f"{measured:.2f} s", f"{simulated:.2f} s", f"{simulated - measured:+.2f} s"],
                )
            )
    return _table(["queue delay", "measured", "simulated", "error"], rows)


def _shards(world: World) -> str:
    rows = [
        (str(cores), [f"{world.takes_for_database(cores, 0.6) / 1e6:,.0f} million"]) for cores in (4, 16, 64)
    ]
    return _table(["cores of PostgreSQL", "takes a day whose busiest minute takes 60 % of its CPU"], rows)


def _table(heading: list[str], rows: list[tuple[str, list[str]]]) -> str:
    lines = [heading, ["---"] * len(heading), *([name, *cells] for name, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _dollars(a_take: float) -> str:
    return f"${a_take * 1000:.2f}"
