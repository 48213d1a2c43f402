"""Interleaved rounds of load (A B A B), and the lines of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.load import Load, Make, send
from benchmarks.servers import Server


@dataclass
class Measured:
    """The figures of one server, one per round."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU seconds per request."""
    p99: list[float] = field(default_factory=list)

    def add(self, load: Load, cpu: float) -> None:
        """Add a round whose server used *cpu* seconds."""
        self.rate.append(load.rate)
        self.cpu.append(cpu / len(load.latencies))
        self.p99.append(load.percentile(0.99))


def interleaved(
    servers: tuple[Server, Server],
    make: Callable[[Server], Make],
    token: str,
    *,
    requests: tuple[int, int],
    rounds: int,
    check: Callable[[Server, Load], None],
    rate: float | None = None,
) -> tuple[Measured, Measured]:
    """Load both servers in turn, each with its number of *requests*. The first round is not counted.

    A faster server gets more requests, so that a round of it is not too short to be measured. *rate* limits
    the requests a second.
    """
    measured = Measured(), Measured()
    for number in range(rounds + 1):
        for server, figures, wanted in zip(servers, measured, requests, strict=True):
            made = make(server)(wanted)
            before = server.cpu_seconds()
            load = send(server.port, token, made, keep=max(1, wanted // 50), rate=rate)
            used = server.cpu_seconds() - before
            check(server, load)
            if number:
                figures.add(load, used)
    return measured


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    goal: str
    what: str
    peer: str
    """The peer's figure with its unit; empty if the goal is absolute."""
    orak: str
    ratio: float
    """The figure of orak divided by that of the peer; without a peer, the figure itself."""
    low: float
    high: float
    must: float
    stretch: float | None
    at_least: bool
    """Whether a ratio has to be at least, or at most, *must*."""

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Line":
        """Return the line that `dataclasses.asdict` turned into *fields*."""
        return cls(**fields)

    @property
    def reached(self) -> str:
        """Return "stretch", "must" or "missed"."""
        for name, goal in (("stretch", self.stretch), ("must", self.must)):
            if goal is not None and (self.ratio >= goal if self.at_least else self.ratio <= goal):
                return name
        return "missed"

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        stretch = "" if self.stretch is None else f"{sign} {self.stretch:g}"
        low, high = _figure(self.low), _figure(self.high)
        return (
            f"| {self.goal} | {self.what} | {self.peer} | {self.orak} | "
            f"**{_figure(self.ratio)}** ({low} to {high}) | {sign} {self.must:g} | {stretch} | "
            f"{self.reached} |"
        )


HEADING = (
    "| goal | what | peer | orak | ratio (of single rounds) | must | stretch | reached |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def line(
    goal: str,
    what: str,
    figures: tuple[Sequence[float], Sequence[float]],
    unit: Callable[[float], str],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    stretch: float | None = None,
) -> Line:
    """Compare the medians. The spread is that of the ratios of single rounds.

    *figures* are those of the peer and of orak. If the peer has none, the goal is about orak's own figure.
    """
    peer, orak = figures
    if peer:
        ratios = [b / a for a, b in zip(peer, orak, strict=True)]
        ratio = median(orak) / median(peer)
    else:
        ratios, ratio = list(orak), median(orak)
    must = at_most if at_least is None else at_least
    assert must is not None, "a goal has a bound"
    return Line(
        goal,
        what,
        unit(median(peer)) if peer else "",
        unit(median(orak)),
        ratio,
        min(ratios),
        max(ratios),
        must,
        stretch,
        at_least is not None,
    )


def microseconds(seconds: float) -> str:
    """Format a time in µs."""
    return f"{seconds * 1e6:,.0f} µs"


def milliseconds(seconds: float) -> str:
    """Format a time in ms."""
    return f"{seconds * 1e3:,.1f} ms"


def per_second(rate: float) -> str:
    """Format a rate."""
    return f"{rate:,.0f}/s"


def megabytes(size: float) -> str:
    """Format a size in MB."""
    return f"{size / 1e6:.0f} MB"


def _figure(ratio: float) -> str:
    """Format with two decimals, or three significant digits below 0.1."""
    return f"{ratio:.2f}" if abs(ratio) >= 0.1 or not ratio else f"{ratio:.3f}"
