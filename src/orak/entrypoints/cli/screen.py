"""What goes to the screen, and what goes into a pipe instead."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def is_piped() -> bool:
    """Whether a program reads our output, not a person: it gets JSON lines."""
    return not sys.stdout.isatty()


def json_lines(rows: Iterable[object]) -> None:
    """Write each row as one line of JSON, as soon as there is one."""
    import msgspec

    for row in rows:
        click.echo(msgspec.json.encode(row).decode())


def console(*, err: bool = False) -> "Console":
    """Return a console on standard output, or standard error; it never wraps or colours words by itself."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def table(*columns: str) -> "Table":
    """Return a table with these headings, plain enough to be copied from."""
    from rich import box
    from rich.table import Table

    return Table(*columns, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)


def labelled(screen: "Console", rows: Iterable[tuple[str, str]]) -> None:
    """Print labels with their values, each value in one piece however narrow the screen: URLs get copied."""
    from rich.text import Text

    rows = list(rows)
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        screen.print(Text.assemble("  ", (label.ljust(width), "dim"), "  ", value), soft_wrap=True)
