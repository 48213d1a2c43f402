"""SQLite: one writer that always recovers, and reads that never wait."""

import asyncio
import random
import signal
import sqlite3
import sys
import textwrap
import threading
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, func, insert, literal, select
from sqlalchemy.engine import make_url

from builders import OWNER, START, a_record, a_waiting_record, an_object, an_upload, saved
from orak.adapters.persistence.event_signal import CommitSignal
from orak.adapters.persistence.sql.connections import Violation
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.rows import record_values
from orak.adapters.persistence.sql.sqlite import SqliteConnections
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import records, uploads
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.page import Page
from orak.domain.errors import UploadNotFound

LEASE = timedelta(seconds=30)
SUPPORT = Path(__file__).parents[2] / "support"


async def test_a_cancelled_transaction_leaves_the_writer_free(sqlite):
    upload = await sqlite.intake.add(an_upload())

    async def write():
        async with sqlite.transaction() as tx:
            await tx.uploads.save(*(await tx.uploads.get(upload.id)).receive(an_object(upload), at=START))
            await asyncio.sleep(1000)

    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    for _ in range(50):
        writers = [asyncio.create_task(write()) for _ in range(2)]
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
    async with asyncio.timeout(2):
        await saved(sqlite, upload.cancel(at=START))
    assert await sqlite.snapshots.of(OWNER, Page()) == []


@contextmanager
def held_up(threads):
    """Keep the threads of an executor from their work."""
    go_on = threading.Event()
    for _ in range(threads._max_workers):
        threads.submit(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_commit_in_progress_cannot_be_cancelled(sqlite):
    upload = await sqlite.intake.add(an_upload())
    with held_up(sqlite._connections._writer):
        committing = asyncio.create_task(saved(sqlite, upload.cancel(at=START)))
        await turns()
        committing.cancel()
        await turns()
        assert committing.cancelled()
        next_writer = asyncio.create_task(saved(sqlite, upload.expire(at=START)))
        await turns()
        assert not next_writer.done()
    with pytest.raises(StaleVersion):
        await next_writer


async def test_a_long_write_runs_to_the_end_though_its_caller_is_cancelled(sqlite):
    upload = await sqlite.intake.add(an_upload())

    def delete_all(connection):
        connection.execute(delete(uploads))

    with held_up(sqlite._connections._writer):
        deleting = asyncio.create_task(sqlite._connections.write_long(delete_all))
        await turns()
        deleting.cancel()
        await turns()
        assert deleting.cancelled()
    async with sqlite.transaction() as tx:
        with pytest.raises(UploadNotFound):
            await tx.uploads.get(upload.id)


async def test_a_failed_commit_leaves_no_transaction_open(sqlite):
    def add_an_orphan(connection):
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # checked by COMMIT
        connection.execute(insert(records), record_values(a_record(an_upload(id=99))))

    for write in (sqlite._connections.write, sqlite._connections.write_long):
        with pytest.raises(Violation):
            await write(add_an_orphan)
        assert (await sqlite.intake.add(an_upload())).id
    assert await sqlite.snapshots.count(OWNER) == 0


NUMBERS = select(literal(1).label("n")).cte(recursive=True)
NUMBERS = NUMBERS.union_all(select(NUMBERS.c.n + 1).where(NUMBERS.c.n < bindparam("last")))
COUNT = Statement(select(func.count()).select_from(NUMBERS))


async def test_a_long_read_does_not_stop_the_event_loop(sqlite):
    counting = asyncio.create_task(sqlite._connections.fetch(COUNT, {"last": 300_000}))
    await turns()
    assert not counting.done()
    assert await counting == [(300_000,)]


async def test_a_short_read_needs_no_thread(sqlite):
    await sqlite._connections.fetch(COUNT, {"last": 3})  # opens the connection
    with held_up(sqlite._connections._readers):
        assert await sqlite._connections.fetch(COUNT, {"last": 9}) == [(9,)]


async def test_reads_leave_the_event_loop_while_a_commit_hangs(sqlite, monkeypatch):
    upload = await sqlite.intake.add(an_upload())
    await sqlite._connections.fetch(COUNT, {"last": 3})
    monkeypatch.setattr("orak.adapters.persistence.sql.sqlite._SLOW_SECONDS", -1)
    with held_up(sqlite._connections._writer):
        committing = asyncio.create_task(saved(sqlite, upload.cancel(at=START)))
        await turns()
        with held_up(sqlite._connections._readers):
            reading = asyncio.create_task(sqlite._connections.fetch(COUNT, {"last": 9}))
            await turns()
            assert not reading.done()
        assert await reading == [(9,)]
    await committing


async def test_many_reads_share_turns_in_order(sqlite):
    await sqlite._connections.fetch(COUNT, {"last": 3})
    done = []

    async def read(number):
        await sqlite._connections.fetch(COUNT, {"last": 1})
        done.append(number)

    readers = [asyncio.create_task(read(number)) for number in range(40)]
    await turns(2)
    readers[30].cancel()
    assert 0 < len(done) < 30
    await asyncio.gather(*readers, return_exceptions=True)
    assert done == [number for number in range(40) if number != 30]


async def test_a_write_cancelled_while_it_waits_has_no_effect(sqlite):
    await a_waiting_record(sqlite)
    async with sqlite.transaction():
        waiting = asyncio.create_task(sqlite.leases.claim())
        await asyncio.sleep(0)
        waiting.cancel()
    assert await sqlite.leases.claim() is not None


async def test_a_cancelled_commit_is_applied_completely_or_not_at_all(sqlite):
    committed = 0
    for turns in range(60):
        upload = await sqlite.intake.add(an_upload())
        commit = asyncio.create_task(saved(sqlite, upload.cancel(at=START)))
        for _ in range(turns):
            await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        async with sqlite.transaction() as tx:
            version = (await tx.uploads.get(upload.id)).version
        events = await events_of(sqlite, upload.id)
        assert events == version
        committed += version - 1
    assert committed < 60


async def events_of(sqlite, upload_id):
    await sqlite.event_log.number()
    return sum(logged.upload_id == upload_id for logged in await sqlite.event_log.after(0, 10_000))


async def test_reads_do_not_wait_for_a_writer(sqlite):
    snapshot = await a_waiting_record(sqlite)
    async with sqlite.transaction() as tx:
        await tx.uploads.save(*snapshot.upload.note_record_change(at=START))
        async with asyncio.timeout(2):
            found = await asyncio.gather(*(sqlite.snapshots.get(snapshot.record.id) for _ in range(20)))
    assert found == [snapshot] * 20


@pytest.fixture
async def impatient(sqlite_url, clock):
    connections = SqliteConnections(make_url(sqlite_url), patience=0.02)
    persistence = SqlPersistence(connections, CommitSignal(hears_every_process=False), clock, LEASE)
    yield persistence
    await persistence.close()


async def test_a_write_that_waits_too_long_is_unavailable(impatient):
    upload = await impatient.intake.add(an_upload())
    async with impatient.transaction():
        with pytest.raises(Unavailable):
            await saved(impatient, upload.cancel(at=START))
        with pytest.raises(Unavailable):
            await impatient.intake.add(an_upload())
    await saved(impatient, upload.cancel(at=START))


async def test_a_write_waits_for_another_process(sqlite, sqlite_file):
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        adding = asyncio.create_task(sqlite.intake.add(an_upload()))
        assert await sqlite.snapshots.of(OWNER, Page()) == []  # reads still succeed
        other.execute("ROLLBACK")
        assert (await adding).id == 1


async def test_a_write_gives_up_when_another_process_holds_the_lock_too_long(impatient, sqlite_file):
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as unavailable:
            await impatient.leases.claim()
        with pytest.raises(Unavailable):
            async with impatient.transaction():
                pass
    assert unavailable.value.__cause__ is not None
    assert await impatient.leases.claim() is None


@pytest.mark.parametrize("unstorable", [{"size": 2**63}, {"content_type": "\ud800"}], ids=ascii)
async def test_an_upload_that_sqlite_cannot_store_fails_alone(sqlite, unstorable):
    outcomes = await asyncio.gather(
        sqlite.intake.add(an_upload()),
        sqlite.intake.add(an_upload(**unstorable)),
        sqlite.intake.add(an_upload()),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], Unavailable)
    assert outcomes[0].id != outcomes[2].id


async def test_a_database_without_a_schema_is_unavailable(tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    async with SqlPersistence.open(url, clock=clock, lease=LEASE) as empty:
        with pytest.raises(Unavailable):
            await empty.leases.claim()
        with pytest.raises(Unavailable):
            await empty.intake.add(an_upload())


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path, clock):
    async with SqlPersistence.open(f"sqlite:///{tmp_path}/no/folder", clock=clock, lease=LEASE) as none:
        with pytest.raises(Unavailable):
            await none.event_log.number()
        with pytest.raises(Unavailable):
            await none.leases.claim()


async def test_every_connection_has_the_pragmas(sqlite):
    def rules(connection):
        pragmas = ("foreign_keys", "synchronous", "journal_mode")
        return [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() for pragma in pragmas]

    full = 2
    assert await sqlite._connections.read(rules) == [1, full, "wal"]
    assert await sqlite._connections.write(rules) == [1, full, "wal"]


async def test_a_finished_transaction_refuses_work(sqlite):
    upload = await sqlite.intake.add(an_upload())
    async with sqlite.transaction() as over:
        pass
    async with sqlite.transaction():
        with pytest.raises(RuntimeError):
            await over.uploads.save(*upload.cancel(at=START))


async def test_closing_stores_waiting_uploads_and_refuses_new_ones(sqlite_url, clock):
    async with SqlPersistence.open(sqlite_url, clock=clock, lease=LEASE) as sqlite:
        calls = [asyncio.create_task(sqlite.intake.add(an_upload())) for _ in range(3)]
        await asyncio.sleep(0)
    assert [(await call).id for call in calls] == [1, 2, 3]
    with pytest.raises(Unavailable):
        await sqlite.intake.add(an_upload())


ADD_FOR_EVER = """
    import asyncio, sys
    from datetime import timedelta

    from builders import an_upload

    from orak.adapters.clock.system import SystemClock
    from orak.adapters.persistence.sql.database import SqlPersistence

    async def add(persistence):
        while True:
            print((await persistence.intake.add(an_upload())).uuid, flush=True)

    async def main():
        clock, lease = SystemClock(), timedelta(seconds=30)
        async with SqlPersistence.open(sys.argv[1], clock=clock, lease=lease) as persistence:
            await asyncio.gather(*(add(persistence) for _ in range(8)))

    asyncio.run(main())
"""


async def test_acknowledged_uploads_survive_a_killed_process(sqlite_url, sqlite_file):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(ADD_FOR_EVER),
        sqlite_url,
        cwd=SUPPORT,
        stdout=asyncio.subprocess.PIPE,
    )
    acknowledged = [await process.stdout.readline() for _ in range(100)]
    process.send_signal(signal.SIGKILL)
    acknowledged += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    with closing(sqlite3.connect(sqlite_file)) as connection:
        stored = {uuid for (uuid,) in connection.execute("SELECT uuid FROM uploads")}
        ((events,),) = connection.execute("SELECT count(*) FROM events")
    whole_lines = {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}
    assert whole_lines <= stored
    assert len(stored) == events


def counting_to(most):
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < most))
    return Statement(select(func.max(numbers.c.n)))


async def test_only_long_reads_leave_the_event_loop_however_often_they_run(sqlite, monkeypatch):
    connections, in_threads, read = sqlite._connections, [], sqlite._connections.read

    async def noted(work):
        in_threads.append(work)
        return await read(work)

    monkeypatch.setattr(connections, "read", noted)
    short, long = counting_to(5000), counting_to(100_000)
    for _ in range(50):
        assert [tuple(row) for row in await connections.fetch(short, {})] == [(5000,)]
    assert in_threads == []
    for place in (1, 2):
        assert [tuple(row) for row in await connections.fetch(long, {})] == [(100_000,)]
        assert len(in_threads) == place


async def test_new_ids_pass_over_those_of_other_writers(sqlite, sqlite_file):
    first = await sqlite.intake.add(an_upload())
    with closing(sqlite3.connect(sqlite_file)) as other, other:
        other.execute("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'uploads'")
    assert (await sqlite.intake.add(an_upload())).id == first.id + 1
