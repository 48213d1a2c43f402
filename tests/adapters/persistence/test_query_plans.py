"""Query plans: rows come from an index in order, never from sorting or a scan."""

import asyncio
import math
import re
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from builders import OWNER, START, a_record, a_waiting_record, an_object, an_upload, created
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.migrations import upgrade
from orak.adapters.persistence.sql.rows import event_values, upload_values
from orak.adapters.persistence.sql.tables import records, uploads, users
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.page import Page
from orak.application.ports.record_intake import Creation, Wanted
from orak.domain.events import EventType
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.processing import ProcessingStatus


@pytest.fixture
def statements(sqlite):
    """All executed statements with their parameters."""
    return executed(sqlite, sqlite._connections._writing, sqlite._connections._reading)


def executed(persistence, *engines):
    """Return a list to which each statement is added when it is executed, with its parameters."""
    seen, connections = [], persistence._connections
    fetch = connections.fetch

    def note(_connection, _cursor, statement, parameters, *_):
        if not statement.startswith("EXPLAIN"):
            seen.append((statement, parameters))

    async def noted(statement, parameters):
        compiled = statement.compiled(connections.dialect)
        seen.append((compiled.text, tuple(compiled.arguments(parameters))))
        return await fetch(statement, parameters)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    connections.fetch = noted
    return seen


def plans(file, statements):
    with closing(sqlite3.connect(file)) as connection:
        return [
            " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
            for sql, parameters in statements
            if not sql.startswith(("BEGIN", "INSERT"))
        ]


async def found(call):
    """Await *call*; whether it finds something does not matter."""
    await asyncio.gather(call, return_exceptions=True)


QUESTIONS = pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda p: p.leases.claim(), "ix_uploads_line"),
        (lambda p: p.leases.lost(9), "ix_uploads_leases"),
        (lambda p: p.leases.next_start(), "ix_uploads_line"),
        (lambda p: p.arrivals.due(9), "ix_uploads_due"),
        (lambda p: p.arrivals.orphans(START, 9), "ix_uploads_unnamed"),
        (lambda p: p.arrivals.tombstones(START, 9), "ix_uploads_ended"),
        (lambda p: p.snapshots.of(OWNER, Page()), "ix_records_newest"),
        (lambda p: found(p.snapshots.get(RecordId(1))), "pk_records|records USING INTEGER PRIMARY KEY"),
        (lambda p: found(p.snapshots.upload(UploadId(1))), "pk_uploads|uploads USING INTEGER PRIMARY KEY"),
        (lambda p: p.snapshots.count(OWNER), "ix_records_newest|idx_records_user_id"),
        (lambda p: p.snapshots.of(OWNER, Page(after=1)), "ix_records_newest"),
        (lambda p: p.arrivals.known(["1", "2", "3"]), "uq_uploads_uuid|sqlite_autoindex_uploads"),
        (lambda p: p.cursors.deferred("r1", START, 9, in_order=False), "ix_deferred_facts_due"),
        (lambda p: p.cursors.blocked("r1", [1, 2]), "ix_deferred_facts_upload"),
        (lambda p: p.event_log.of_user(1, 1, 99, 9), "ix_events_own"),
        (lambda p: p.event_log.after(1, 9), "uq_events_position|sqlite_autoindex_events"),
        (
            lambda p: p.event_log.page(9_900, 9, {EventType.RECORD_DELETED}),
            "uq_events_position|sqlite_autoindex_events",
        ),
        (lambda p: p.cursors.backlog(START), "ix_deferred_facts_due"),
        (lambda p: p.event_log.number(), "ix_events_unnumbered|sqlite_autoindex_events"),
    ],
    ids=[
        *("claim", "lost", "next_start", "due", "orphans", "tombstones", "list"),
        *("record", "upload", "count", "next page"),
        *("known", "deferred", "blocked", "own", "after", "page", "backlog", "number"),
    ],
)


@QUESTIONS
async def test_an_index_answers_the_query_on_sqlite(sqlite, sqlite_file, statements, ask, index):
    await sqlite.intake.add(an_upload())
    statements.clear()
    await ask(sqlite)
    found = plans(sqlite_file, statements)
    assert any(name in plan for plan in found for name in index.split("|"))
    for plan in found:
        assert "SCAN uploads" not in plan
        assert "SCAN records" not in plan
        assert "TEMP B-TREE" not in plan


async def test_indexes_answer_the_turn_of_a_waiting_upload(sqlite, sqlite_file, statements):
    await a_waiting_record(sqlite)
    (plan,) = [plan for plan in plans(sqlite_file, statements) if "SCALAR SUBQUERY" in plan]
    assert "ix_uploads_line" in plan
    assert "ix_uploads_own_line" in plan
    assert "SCAN uploads" not in plan


async def test_what_every_request_for_metrics_counts_does_not_grow_with_completed_uploads(sqlite, statements):
    await sqlite.reports.count(START, START)
    [(_, parameters)] = statements
    assert ProcessingStatus.COMPLETED not in parameters


async def test_indexes_answer_the_operators_counts_on_sqlite(sqlite, sqlite_file, statements):
    await sqlite.reports.count(START, START)
    await sqlite.reports.count_completed()
    plan, completed = plans(sqlite_file, statements)
    assert "COVERING INDEX idx_uploads_processing_status" in completed
    assert "SCAN uploads" not in plan.replace("SCAN uploads USING INDEX ix_uploads_own_line", "")
    assert "COVERING INDEX idx_uploads_processing_status (processing_status=?)" in plan
    assert "TEMP B-TREE" not in plan
    for name in ("leases", "own_line", "line", "unnamed"):
        assert f"INDEX ix_uploads_{name}" in plan


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.reports.failures(Page(limit=9)),
        lambda p: p.reports.failures(Page(after=9, limit=9)),
        lambda p: p.reports.orphans(START, Page(limit=9)),
        lambda p: p.reports.orphans(START, Page(after=9, limit=9)),
    ],
    ids=["failures", "next failures", "orphans", "next orphans"],
)
async def test_the_operators_lists_are_read_in_index_order(sqlite, sqlite_file, statements, ask):
    await ask(sqlite)
    (plan,) = plans(sqlite_file, statements)
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
    assert "idx_uploads_directory" not in plan


async def test_indexes_answer_the_operators_counts_on_postgresql(postgresql_server, full):
    postgresql, statements = full
    await postgresql.reports.count(START, START)
    for plan in await postgresql_plans(postgresql_server, postgresql, statements):
        for name in ("leases", "line", "failed", "unnamed"):
            assert f"ix_uploads_{name}" in plan, plan
        assert "Seq Scan" not in plan, plan


async def test_dead_letters_are_read_in_order_on_postgresql(postgresql_server, full):
    postgresql, statements = full
    await postgresql.reports.failures(Page(limit=9))
    for plan in await postgresql_plans(postgresql_server, postgresql, statements):
        assert "ix_uploads_failed" in plan, plan
        assert not re.search(r"Seq Scan on (uploads|events)|^ *(->  )?Sort", plan, re.MULTILINE), plan


@pytest.mark.parametrize("count", [1, 30])
async def test_the_lags_of_any_number_of_subscribers_need_one_statement(sqlite, statements, count):
    assert len(await sqlite.cursors.lags([f"webhook-{n}" for n in range(count)], START)) == count
    assert len(statements) == 1


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_any_length_needs_one_statement_and_another_for_new_records(
    sqlite, statements, count
):
    for _ in range(count):
        await a_waiting_record(sqlite)
    for needed in (2, 1, 1):
        statements.clear()
        assert len(await sqlite.snapshots.of(OWNER, Page())) == count
        assert len(statements) == needed


async def test_waiting_readers_share_statements(sqlite, statements):
    snapshot = await a_waiting_record(sqlite)
    statements.clear()
    first = asyncio.create_task(sqlite.snapshots.get(snapshot.record.id))
    await asyncio.sleep(0)  # it is under way when the others come
    await asyncio.gather(first, *(sqlite.snapshots.get(snapshot.record.id) for _ in range(30)))
    assert len(statements) == 1 + math.ceil(30 / sqlite._connections.read_group)


async def test_a_group_of_uploads_needs_no_more_statements_than_one_upload(sqlite, statements):
    await sqlite.intake.add(an_upload())
    alone = len(statements)
    statements.clear()
    await asyncio.gather(*(sqlite.intake.add(an_upload()) for _ in range(30)))
    assert len(statements) == alone


async def test_a_group_of_records_needs_no_more_statements_than_one_record(sqlite, statements):
    uploads = [await sqlite.intake.add(an_upload()) for _ in range(31)]
    statements.clear()
    await created(sqlite, uploads[0], an_object(uploads[0]))
    alone = len(statements)
    statements.clear()
    await asyncio.gather(*(created(sqlite, upload, an_object(upload)) for upload in uploads[1:]))
    assert len(statements) == alone


MANY = 10_000
PAYLOAD = event_values(1, 1, an_upload().requested())["payload"]

FILL = f"""
    INSERT INTO users SELECT generate_series(1, 500);
    INSERT INTO uploads (id, uuid, object_key, original_filename, extension, uploader_id, file_size,
        content_type, directory, processing_status, created_at, url_expires_at, version, attempt, failures,
        progress, not_before, turn, lease_until, ended_at)
    SELECT n, n, n, 'take.webm', 'webm', n % 500 + 1, 3, 'audio/webm', 'recordings', status,
        TIMESTAMPTZ '2024-01-01' + n * INTERVAL '1 s', '2024-01-02', 1, 0, 0, 0, CASE WHEN status = 'PENDING'
            THEN TIMESTAMPTZ '2024-01-01' + n * INTERVAL '1 s' ELSE 'epoch' END,
        CASE WHEN (status = 'UPLOADED' AND n % 2 = 0) OR status = 'PROCESSING' THEN n / 50 END,
        CASE WHEN status = 'PROCESSING' THEN TIMESTAMPTZ '2024-01-01' + n * INTERVAL '1 s' END,
        CASE WHEN status IN ('DELETED', 'FAILED') THEN TIMESTAMPTZ '2023-12-01' + n * INTERVAL '1 s' END
    FROM (SELECT n, (ARRAY['PENDING', 'UPLOADED', 'PROCESSING', 'COMPLETED', 'DELETED', 'FAILED', 'UPLOADED'])
        [n / 7 % 7 + 1] AS status FROM generate_series(1, {MANY}) AS n) AS made;
    INSERT INTO records (id, user_id, upload_id, title, created_at, updated_at, version)
    SELECT id, uploader_id, id, 't', created_at, created_at, 1 FROM uploads
    WHERE turn IS NOT NULL OR processing_status = 'COMPLETED';
    INSERT INTO events (upload_id, user_id, version, type, payload, at, position)
    SELECT n, n % 100, 1, 'UploadRequested', '{PAYLOAD}', '2024-01-01', CASE WHEN n <= {MANY - 50} THEN n END
    FROM generate_series(1, {MANY}) AS n;
    UPDATE feed SET position = {MANY - 50};
    INSERT INTO feed_cursors (reader, position) SELECT 'r' || n, {MANY} FROM generate_series(0, 2) AS n;
    INSERT INTO deferred_facts (reader, position, upload_id, tries, due_at)
    SELECT 'r' || n % 3, n, n, 0, TIMESTAMPTZ '2024-01-01' + n * INTERVAL '1 s'
    FROM generate_series(1, {MANY}) AS n;
    SELECT setval('uploads_id_seq', {MANY}), setval('records_id_seq', {MANY});
    ANALYZE
"""  # noqa: S608 - made of constants of this file


@pytest.fixture(scope="session")
def full_url(postgresql_server):
    """A database with thousands of rows in every state."""
    postgresql_server.sql('CREATE DATABASE "full"')
    upgrade(postgresql_server.url("full"))
    postgresql_server.sql(*FILL.split(";"), database="full")
    return postgresql_server.url("full")


@pytest.fixture
async def full(full_url, clock):
    """That database, and the statements that are executed on it."""
    async with SqlPersistence.open(full_url, clock=clock, lease=timedelta(seconds=30)) as opened:
        yield opened, executed(opened, opened._connections._engine.sync_engine)


async def postgresql_plans(server, postgresql, statements):
    """Return the plans for these parameters, and the generic plans.

    A prepared statement may switch to its generic plan.
    """
    asked = [(sql, given) for sql, given in statements if sql.startswith(("SELECT", "UPDATE", "WITH"))]
    assert asked, "nothing was asked, so there is nothing to explain"

    def explain(connection):
        return [
            "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}", given).scalars()) for sql, given in asked
        ]

    own = await postgresql._connections.read(explain)
    return own + [server.sql(f"EXPLAIN (GENERIC_PLAN) {sql}", database="full") for sql, _ in asked]


@QUESTIONS
async def test_an_index_answers_the_query_on_postgresql(postgresql_server, full, ask, index):
    postgresql, statements = full
    await ask(postgresql)
    found = await postgresql_plans(postgresql_server, postgresql, statements)
    assert any(name in plan for plan in found for name in index.split("|")), found
    for plan in found:
        assert not re.search(r"Seq Scan on (uploads|records|events)", plan), plan
        assert "Seq Scan on deferred_facts" not in plan, plan
        if index.startswith("ix_uploads"):  # other queries sort a few rows: of one owner, or unnumbered
            assert not re.search(r"^ *(->  )?Sort", plan, re.MULTILINE), plan


async def test_indexes_answer_the_turn_of_a_waiting_upload_on_postgresql(postgresql_server, full):
    postgresql, statements = full
    async with postgresql.transaction() as tx:
        upload = await tx.uploads.get(UploadId(9856))  # near the end of the line
        await tx.uploads.save(*upload.note_record_change(at=START))
    plans = await postgresql_plans(postgresql_server, postgresql, statements)
    turns = [plan for plan in plans if "Update on uploads" in plan]
    assert len(turns) == 2
    for plan in turns:
        assert "ix_uploads_line" in plan
        assert "ix_uploads_own_line" in plan
        assert "Seq Scan on uploads" not in plan


async def test_a_group_of_uploads_needs_one_statement_on_postgresql(full):
    postgresql, statements = full
    await asyncio.gather(*(postgresql.intake.add(an_upload()) for _ in range(30)))
    assert len(statements) == 1


async def test_a_group_of_records_needs_two_statements_with_indexes_on_postgresql(postgresql_server, full):
    postgresql, statements = full
    uploads = [await postgresql.intake.add(an_upload()) for _ in range(30)]
    key = IdempotencyKey(OWNER, "POST /records/async", uploads[0].uuid, "body")
    statements.clear()
    found = await asyncio.gather(
        *(postgresql.record_intake.find(Wanted(upload.id, SongId(1), key)) for upload in uploads)
    )
    assert len(statements) == 1
    await asyncio.gather(
        *(created(postgresql, one.upload, an_object(one.upload)) for one in found[1:]),
        postgresql.record_intake.add(Creation(a_record(uploads[0]), uploads[0], None, key)),
    )
    assert len(statements) == 2
    for plan in await postgresql_plans(postgresql_server, postgresql, statements):
        assert not re.search(r"Seq Scan on (uploads|records|events)", plan), plan


async def test_a_group_with_idempotency_keys_needs_two_statements_on_postgresql(full):
    postgresql, statements = full
    calls = [(an_upload(), IdempotencyKey(OWNER, "presign", f"key-{n}", "body")) for n in range(30)]
    await asyncio.gather(*(postgresql.intake.add(*call) for call in [*calls, (an_upload(), None)]))
    assert len(statements) == 2


def fill_the_line(connection):
    """Let ten thousand uploads of 500 owners wait."""
    upload = an_upload().attach_record(RecordId(1), at=START)[0]
    upload = upload.receive(an_object(upload), at=START)[0]
    connection.execute(insert(users), [{"id": n} for n in range(1, 501)])
    rows = []
    for n in range(1, MANY + 1):
        values = upload_values(upload, START) | {"id": n, "uuid": str(n), "object_key": str(n)}
        rows.append(values | {"uploader_id": n % 500 + 1, "turn": n // 500})
    connection.execute(insert(uploads), rows)
    connection.execute(
        insert(records),
        [
            {"id": n, "upload_id": n, "user_id": n % 500 + 1, "title": "t", "version": 1}
            | {"created_at": START, "updated_at": START}
            for n in range(1, MANY + 1)
        ],
    )
    connection.exec_driver_sql("ANALYZE")


async def test_a_claim_among_ten_thousand_uploads_reads_the_index_in_order(sqlite, sqlite_file, statements):
    await sqlite._connections.write(fill_the_line)
    statements.clear()
    assert (await sqlite.leases.claim()).upload.id == 1
    claim = plans(sqlite_file, statements)[0]
    assert "ix_uploads_line" in claim
    assert "SCAN records" not in claim
    assert "TEMP B-TREE" not in claim


async def test_a_claim_among_ten_thousand_uploads_reads_the_index_in_order_on_postgresql(postgresql):
    await postgresql._connections.write(fill_the_line)
    seen = executed(postgresql, postgresql._connections._engine.sync_engine)
    assert (await postgresql.leases.claim()).upload.id == 1
    claim, given = seen[0]
    assert "FOR UPDATE OF uploads SKIP LOCKED" in claim

    def explain(connection):
        return "\n".join(connection.exec_driver_sql(f"EXPLAIN {claim}", given).scalars())

    plan = await postgresql._connections.read(explain)
    assert "Index Scan using ix_uploads_line" in plan
    assert "Seq Scan" not in plan
    assert not re.search(r"^ *(->  )?Sort", plan, re.MULTILINE), plan
