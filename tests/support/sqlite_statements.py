"""Counts the statements that SQLite executes, by the trace of each connection of this process."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_opened: list[sqlite3.Connection] = []


@cache
def note_new_connections() -> None:
    """Note every connection that is opened from now on, for `counted_statements`.

    An audit hook stays for the life of the process; the cache adds it once.
    """
    sys.addaudithook(_note)


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Yield a list to which the noted connections append each statement, BEGIN and COMMIT too."""
    statements: list[str] = []

    def trace(statement: str) -> None:
        if not statement.startswith("--"):  # what a trigger does inside a statement
            statements.append(statement)

    _trace_all(trace)
    try:
        yield statements
    finally:
        _trace_all(None)


def forget_connections() -> None:
    """Let go of the noted connections."""
    _opened.clear()


def _note(event: str, arguments: tuple[object, ...]) -> None:
    # The connection is not ready to be traced yet.
    if event == "sqlite3.connect/handle" and isinstance(arguments[0], sqlite3.Connection):
        _opened.append(arguments[0])


def _trace_all(trace) -> None:
    for connection in _opened:
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile
            connection.set_trace_callback(trace)
