"""Steps of a demonstration, one line each, with their times."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 88


class Note:
    """Says how far a step is, and in the end what it did, or why it could not."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.text = ""
        self.failed = False

    def __call__(self, text: str) -> None:
        """Note *text* in place of what was noted before."""
        self.text = text
        self._show(text)

    def fail(self, why: str) -> None:
        """End the step with a cross."""
        self.failed = True
        self(why)


@contextmanager
def step(screen: Console, name: str) -> Iterator[Note]:
    """Show what goes on while the block runs, on a terminal; then one line with what was noted last."""
    started = time.perf_counter()
    spinner = screen.status(name) if screen.is_terminal else None

    def show(text: str) -> None:
        if spinner is not None:
            spinner.update(f"{name}  {text}")

    note = Note(show)
    with spinner or nullcontext():
        yield note
    line = Table.grid(expand=True, padding=(0, 2))
    line.width = min(screen.width, _WIDTH)
    line.add_column(width=1)
    line.add_column(width=7)
    line.add_column(ratio=1, overflow="fold")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(
        Text("✗", "red") if note.failed else Text("✓", "green"),
        Text(name, "bold"),
        Text(note.text),
        Text(_time(time.perf_counter() - started), "dim"),
    )
    screen.print(line)


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
