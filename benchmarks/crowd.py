"""Goal 15: 256 connections with requests for records and for uploads, against 16."""

from benchmarks import mixed
from benchmarks.rounds import Line, line, milliseconds, per_second

_SIZES = (16, 256)


def crowd(rounds: int) -> list[Line]:
    """Measure goal 15 on PostgreSQL. The peer is orak itself with 16 connections."""
    few, many = mixed.measure(rounds, "postgresql", _SIZES)
    rates, latencies = (
        tuple([figure(loads) for loads in side.together] for side in (few, many))
        for figure in (lambda loads: loads.rate, lambda loads: loads.percentile(0.99))
    )
    errors = [float(loads.errors) for loads in many.together]
    what = "256 connections against 16, 8 GET to 1 presign"
    return [
        line("15", f"{what}: errors", ([], errors), "{:.0f}".format, at_most=0),
        line("15", f"{what}: requests/s", rates, per_second, at_least=0.95),
        line("15", f"{what}: p99", latencies, milliseconds, at_most=16, stretch=12),
    ]
