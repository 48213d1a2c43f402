"""Interleaved rounds of load (A B A B), and their ratios."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from benchmarks.load import Load, Make, send
from benchmarks.servers import Server


@dataclass
class Measured:
    """The figures of one server, one per round."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU seconds per request."""
    p99: list[float] = field(default_factory=list)


def interleaved(
    servers: tuple[Server, Server],
    make: Callable[[Server], Make],
    token: str,
    *,
    requests: int,
    rounds: int,
    check: Callable[[Server, Load], None],
) -> tuple[Measured, Measured]:
    """Load both servers in turn. The first round is a warm-up and is not counted."""
    measured = Measured(), Measured()
    for number in range(rounds + 1):
        for server, figures in zip(servers, measured, strict=True):
            wanted = make(server)(requests)
            before = server.cpu_seconds()
            load = asyncio.run(send(server.port, token, wanted, keep=max(1, requests // 20)))
            used = server.cpu_seconds() - before
            check(server, load)
            if number:
                figures.rate.append(load.rate)
                figures.cpu.append(used / requests)
                figures.p99.append(load.percentile(0.99))
    return measured


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    goal: str
    what: str
    peer: str
    orak: str
    ratio: float
    low: float
    high: float
    wanted: str
    reached: bool

    def __str__(self) -> str:
        verdict = "reached" if self.reached else "missed"
        spread = f"{self.low:.2f} to {self.high:.2f}"
        return (
            f"| {self.goal} | {self.what} | {self.peer} | {self.orak} | **{self.ratio:.2f}** ({spread}) | "
            f"{self.wanted} | {verdict} |"
        )


def line(
    goal: str,
    what: str,
    figures: tuple[list[float], list[float]],
    unit: Callable[[float], str],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Line:
    """Compare the medians. The spread is that of the ratios of single rounds."""
    peer, orak = figures
    ratios = [b / a for a, b in zip(peer, orak, strict=True)]
    ratio = median(orak) / median(peer)
    reached = ratio >= at_least if at_least is not None else ratio <= (at_most or 0)
    wanted = f"≥ {at_least:g}" if at_least is not None else f"≤ {at_most:g}"
    return Line(
        goal, what, unit(median(peer)), unit(median(orak)), ratio, min(ratios), max(ratios), wanted, reached
    )
