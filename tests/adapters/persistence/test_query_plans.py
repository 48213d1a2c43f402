"""How SQLite finds what is asked for: by an index that is in order, never by sorting or walking a table."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import event

from builders import SINGER, START, a_waiting_take, an_upload
from orak.application.ports.persistence import Page


@pytest.fixture
def statements(sqlite):
    """Every statement that is executed, with its parameters."""
    seen = []

    def note(_connection, _cursor, statement, parameters, *_):
        seen.append((statement, parameters))

    for engine in (sqlite._connections._writing, sqlite._connections._reading):
        event.listen(engine, "before_cursor_execute", note)
    return seen


def plans(file, statements):
    with closing(sqlite3.connect(file)) as connection:
        return [
            " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
            for sql, parameters in statements
            if not sql.startswith(("BEGIN", "INSERT"))
        ]


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda p: p.leases.take(), "ix_uploads_line"),
        (lambda p: p.leases.lost(9), "ix_uploads_leases"),
        (lambda p: p.leases.next_start(), "ix_uploads_line"),
        (lambda p: p.arrivals.due(9), "ix_uploads_due"),
        (lambda p: p.arrivals.orphans(START, 9), "ix_uploads_unnamed"),
        (lambda p: p.arrivals.buried(START, 9), "ix_uploads_ended"),
        (lambda p: p.recordings.of(SINGER, Page()), "ix_records_newest"),
        (lambda p: p.recordings.of(SINGER, Page(after=1)), "ix_records_newest"),
        (lambda p: p.facts.after(1, 9), "uq_events_position|sqlite_autoindex_events"),
        (lambda p: p.facts.number(), "ix_events_unnumbered|sqlite_autoindex_events"),
    ],
    ids=["take", "lost", "next_start", "due", "orphans", "buried", "list", "next page", "after", "number"],
)
async def test_an_index_answers(sqlite, sqlite_file, statements, ask, index):
    await sqlite.intake.add(an_upload())
    statements.clear()
    await ask(sqlite)
    found = plans(sqlite_file, statements)
    assert any(name in plan for plan in found for name in index.split("|"))
    for plan in found:
        assert "SCAN uploads" not in plan
        assert "SCAN records" not in plan
        assert "TEMP B-TREE" not in plan


async def test_the_turn_of_a_waiting_take_is_found_by_indexes(sqlite, sqlite_file, statements):
    await a_waiting_take(sqlite)
    (plan,) = [plan for plan in plans(sqlite_file, statements) if "SCALAR SUBQUERY" in plan]
    assert "ix_uploads_line" in plan
    assert "ix_uploads_own_line" in plan
    assert "SCAN uploads" not in plan


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_is_one_statement_however_long(sqlite, statements, count):
    for _ in range(count):
        await a_waiting_take(sqlite)
    statements.clear()
    assert len(await sqlite.recordings.of(SINGER, Page())) == count
    assert len(statements) == 1


async def test_a_group_is_as_many_statements_as_a_single_upload(sqlite, statements):
    await sqlite.intake.add(an_upload())
    alone = len(statements)
    statements.clear()
    await asyncio.gather(*(sqlite.intake.add(an_upload()) for _ in range(30)))
    assert len(statements) == alone
