"""`docs/guides/performance.md` and its plot, written from measured results.

`docs/guides/performance.jsonl` holds the newest result of each goal. A test compares the document with it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from textwrap import fill

from benchmarks import plot
from benchmarks.rounds import HEADING, Line

_GUIDES = Path(__file__).parents[1] / "docs" / "guides"
GUIDE = _GUIDES / "performance.md"
RESULTS = _GUIDES / "performance.jsonl"
IMAGES = _GUIDES.parent / "images"
_WIDTH = 100
_PLOT = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="../images/performance-dark.svg">
  <img alt="Ratio of orak to its peer for each goal" src="../images/performance.svg">
</picture>"""
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Run:
    """When and where lines were measured."""

    on: str
    """The date, as YYYY-MM-DD."""
    machine: str
    rounds: int


Result = tuple[Run, Line]


def append(file: Path, run: Run, lines: Sequence[Line]) -> None:
    """Append *lines* to *file*, one JSON object each."""
    with file.open("a") as out:
        out.writelines(_encoded(run, line) for line in lines)


def read(file: Path = RESULTS) -> list[Result]:
    """Return the results in *file*; none if it does not exist."""
    if not file.exists():
        return []
    results = [json.loads(text) for text in file.read_text().splitlines()]
    return [(Run(**result["run"]), Line(**result["line"])) for result in results]


def update(run: Run, lines: Sequence[Line]) -> None:
    """Replace the results of the goals that *lines* are about, and write the document and its plot again."""
    measured = {line.goal for line in lines}
    kept = [(when, line) for when, line in read() if line.goal not in measured]
    results = sorted([*kept, *((run, line) for line in lines)], key=lambda result: int(result[1].goal))
    RESULTS.write_text("".join(_encoded(when, line) for when, line in results))
    write()


def write() -> None:
    """Write the document and its plot from the results."""
    GUIDE.write_text(with_results(GUIDE.read_text(), read()))
    for name, drawing in pictures(read()).items():
        (IMAGES / name).write_text(drawing)


def with_results(guide: str, results: Sequence[Result]) -> str:
    """Return the text of *guide* with the table of *results* in its place."""
    before, _, rest = guide.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    assert after, f"the guide has no {_BEGIN} and {_END}"
    return f"{before}{_BEGIN}\n\n{_measured(results)}\n\n{_END}{after}"


def _measured(results: Sequence[Result]) -> str:
    if not results:
        return "Not measured yet: run `just bench --write`."
    rows = "\n".join(str(line) for _, line in results)
    runs = []
    for run, group in groupby(results, key=lambda result: result[0]):
        goals = ", ".join(dict.fromkeys(line.goal for _, line in group))
        where = f"- goals {goals}: {run.on}, {run.rounds} rounds, {run.machine}"
        runs.append(fill(where, _WIDTH, subsequent_indent="  "))
    return f"{_PLOT}\n\n{HEADING}\n{rows}\n\nMeasured:\n\n" + "\n".join(runs)


def pictures(results: Sequence[Result]) -> dict[str, str]:
    """Return the plots by file name."""
    lines = [line for _, line in results if line.peer]
    return {
        "performance.svg": plot.draw(lines, plot.LIGHT),
        "performance-dark.svg": plot.draw(lines, plot.DARK),
    }


def _encoded(run: Run, line: Line) -> str:
    return json.dumps({"run": asdict(run), "line": asdict(line)}, ensure_ascii=False) + "\n"
