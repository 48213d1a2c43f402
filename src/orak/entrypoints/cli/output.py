"""Standard output: tables, labels and steps on a terminal, JSON lines in a pipe."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STEP_WIDTH = 88


def is_piped() -> bool:
    """Whether standard output is not a terminal; commands then print JSON lines."""
    return not sys.stdout.isatty()


def json_lines(rows: Iterable[object]) -> None:
    """Print each row as one line of JSON, as soon as it is there."""
    import msgspec

    for row in rows:
        click.echo(msgspec.json.encode(row).decode())


def console(*, err: bool = False) -> "Console":
    """Return a console on standard output or standard error that prints text without markup."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def table(*columns: str) -> "Table":
    """Return a table with these headings and without borders, so that its cells can be copied."""
    from rich import box
    from rich.table import Table

    return Table(*columns, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)


def labelled(screen: "Console", rows: Iterable[tuple[str, str]]) -> None:
    """Print labels with their values. Values are never wrapped, so that URLs can be copied."""
    from rich.text import Text

    rows = list(rows)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        screen.print(Text.assemble("  ", (label.ljust(width), "dim"), "  ", value), soft_wrap=True)


class Note:
    """The text beside a step: its progress, then its result or the reason of its failure."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.text = ""
        self.failed = False

    def __call__(self, text: str) -> None:
        """Replace the text."""
        self.text = text
        self._show(text)

    def fail(self, reason: str) -> None:
        """Mark the step as failed."""
        self.failed = True
        self(reason)


@contextmanager
def step(screen: "Console", name: str) -> Iterator[Note]:
    """Show a spinner while the block runs, then one line with its last note and its duration.

    The spinner is shown on a terminal only. A block that raises prints no line.
    """
    from rich.table import Table
    from rich.text import Text

    started = time.perf_counter()
    spinner = screen.status(name) if screen.is_terminal else None

    def show(text: str) -> None:
        if spinner is not None:
            spinner.update(f"{name}  {text}")

    note = Note(show)
    with spinner or nullcontext():
        yield note
    line = Table.grid(expand=True, padding=(0, 2))
    line.width = min(screen.width, _STEP_WIDTH)
    line.add_column(width=1)
    line.add_column(width=7)
    line.add_column(ratio=1, overflow="fold")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(
        Text("✗", "red") if note.failed else Text("✓", "green"),
        Text(name, "bold"),
        Text(note.text),
        Text(_duration(time.perf_counter() - started), "dim"),
    )
    screen.print(line)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
