"""PostgreSQL: concurrent writers with bounded waits, and a server that may restart."""

import asyncio
import random
import sys
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from builders import OWNER, START, a_waiting_record, an_object, an_upload, saved
from orak.adapters.persistence.event_signal import CommitSignal
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.postgresql import PostgresqlConnections
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.page import Page
from orak.domain.events import EventType
from orak.domain.identity import UserId

LEASE = timedelta(seconds=30)


@pytest.fixture
async def other(postgresql_url, clock):
    """The same database, from another process's pool."""
    async with SqlPersistence.open(postgresql_url, clock=clock, lease=LEASE) as opened:
        yield opened


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - of a server, which sets no event
            await asyncio.sleep(0.01)


def idle_pool(persistence):
    return persistence._connections._engine.pool.checkedout() == 0


def busy_sessions(server):
    return server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'orak' AND state <> 'idle'")


@pytest.mark.parametrize("seed", range(3))
async def test_a_cancelled_caller_leaves_no_rows_and_no_transaction(postgresql, postgresql_server, seed):
    upload = await postgresql.intake.add(an_upload())

    async def write():
        async with postgresql.transaction() as tx:
            await tx.uploads.save(*(await tx.uploads.get(upload.id)).receive(an_object(upload), at=START))
            await asyncio.sleep(1000)

    async def read():
        while True:
            await postgresql.snapshots.of(OWNER, Page())

    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for _ in range(20):
        callers = [asyncio.create_task(call()) for call in (write, write, read, postgresql.leases.claim)]
        await asyncio.sleep(chance.random() * 0.01)
        for _ in range(2):  # the second time while the first is being undone
            for caller in callers:
                caller.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*callers, return_exceptions=True)
    await until(lambda: idle_pool(postgresql) and not busy_sessions(postgresql_server))
    async with asyncio.timeout(5):
        await saved(postgresql, upload.cancel(at=START))
    assert await postgresql.snapshots.of(OWNER, Page()) == []


async def test_a_cancelled_commit_is_applied_completely_or_not_at_all(postgresql):
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    for _ in range(40):
        upload = await postgresql.intake.add(an_upload())
        commit = asyncio.create_task(saved(postgresql, upload.cancel(at=START)))
        await asyncio.sleep(chance.random() * 0.006)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        async with postgresql.transaction() as tx:
            version = (await tx.uploads.get(upload.id)).version
        await postgresql.event_log.number()
        events = await postgresql.event_log.after(0, 10_000)
        assert sum(logged.upload_id == upload.id for logged in events) == version


async def test_reads_do_not_wait_for_a_writer(postgresql):
    snapshot = await a_waiting_record(postgresql)
    async with postgresql.transaction() as tx:
        await tx.uploads.save(*snapshot.upload.note_record_change(at=START))
        async with asyncio.timeout(2):
            found = await asyncio.gather(*(postgresql.snapshots.get(snapshot.record.id) for _ in range(20)))
    assert found == [snapshot] * 20


async def test_calls_after_a_restart_succeed(postgresql, postgresql_server):
    snapshot = await a_waiting_record(postgresql)
    await asyncio.gather(*(postgresql.snapshots.get(snapshot.record.id) for _ in range(10)))  # a full pool
    postgresql_server.stop()
    with pytest.raises(Unavailable):
        await postgresql.snapshots.get(snapshot.record.id)
    with pytest.raises(Unavailable):
        await postgresql.intake.add(an_upload())
    postgresql_server.start()
    found = await asyncio.gather(*(postgresql.snapshots.get(snapshot.record.id) for _ in range(20)))
    assert found == [snapshot] * 20
    assert idle_pool(postgresql)


async def test_acknowledged_uploads_survive_a_killed_server(postgresql, postgresql_server):
    acknowledged, refused = [], 0

    async def add_for_ever():
        nonlocal refused
        while True:
            try:
                acknowledged.append((await postgresql.intake.add(an_upload())).uuid)
            except Unavailable:
                refused += 1
                await asyncio.sleep(0.01)

    adding = [asyncio.create_task(add_for_ever()) for _ in range(8)]
    try:
        await until(lambda: len(acknowledged) >= 50)
        postgresql_server.kill()
        await until(lambda: refused)
        await asyncio.to_thread(postgresql_server.start)
        before = len(acknowledged)
        await until(lambda: len(acknowledged) >= before + 50)  # the pool reconnected by itself
    finally:
        for task in adding:
            task.cancel()
        await asyncio.gather(*adding, return_exceptions=True)
    stored = set(postgresql_server.sql("SELECT uuid FROM uploads").split())
    assert set(acknowledged) <= stored
    assert len(stored) == int(postgresql_server.sql("SELECT count(*) FROM events"))


async def test_a_terminated_session_is_unavailable_and_replaced(postgresql, postgresql_server):
    upload = await postgresql.intake.add(an_upload())

    async def write_on_a_dead_session():
        async with postgresql.transaction() as tx:
            await tx.uploads.get(upload.id)
            postgresql_server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orak'"
            )
            await tx.uploads.save(*upload.cancel(at=START))

    with pytest.raises(Unavailable) as unavailable:
        await write_on_a_dead_session()
    assert unavailable.value.__cause__ is not None
    await saved(postgresql, upload.cancel(at=START))


async def test_an_unreachable_server_is_unavailable(tmp_path, clock):
    url = f"postgresql://me:hush@/orak?host={tmp_path}"
    async with SqlPersistence.open(url, clock=clock, lease=LEASE) as none:
        for call in (none.leases.claim, none.event_log.number, none.now):
            with pytest.raises(Unavailable) as unavailable:
                await call()
            assert "hush" not in str(unavailable.value)
        with pytest.raises(Unavailable):
            await none.intake.add(an_upload())


async def test_a_database_without_a_schema_is_unavailable(postgresql_server, clock):
    async with SqlPersistence.open(postgresql_server.url("template1"), clock=clock, lease=LEASE) as empty:
        with pytest.raises(Unavailable):
            await empty.leases.claim()
        with pytest.raises(Unavailable):
            await empty.intake.add(an_upload())


@pytest.mark.parametrize(
    ("limit", "work"),
    [
        ("lock_timeout", lambda p, snapshot: saved(p, snapshot.upload.note_record_change(at=START))),
        ("statement_timeout", lambda p, snapshot: saved(p, snapshot.upload.note_record_change(at=START))),
    ],
)
async def test_waiting_for_a_lock_ends_with_an_error(postgresql, postgresql_url, clock, limit, work):
    snapshot = await a_waiting_record(postgresql)
    async with (
        SqlPersistence.open(f"{postgresql_url}&{limit}=50ms", clock=clock, lease=LEASE) as impatient,
        postgresql.transaction() as tx,
    ):
        await tx.uploads.save(*snapshot.upload.note_record_change(at=START))
        with pytest.raises(Unavailable, match=limit.replace("_timeout", " timeout")):
            await work(impatient, snapshot)
        assert await impatient.leases.claim() is None  # passes over locked rows
        assert idle_pool(impatient)


async def test_an_idle_transaction_is_ended_by_the_server(postgresql_url, clock):
    url = f"{postgresql_url}&idle_in_transaction_session_timeout=200ms"
    async with SqlPersistence.open(url, clock=clock, lease=LEASE) as sleepy:
        upload = await sleepy.intake.add(an_upload())

        async def idle():
            async with sleepy.transaction() as tx:
                await tx.uploads.get(upload.id)
                await asyncio.sleep(1)
                await tx.uploads.save(*upload.cancel(at=START))

        with pytest.raises(Unavailable):
            await idle()
        await saved(sleepy, upload.cancel(at=START))


async def test_a_full_pool_is_reported_as_busy(postgresql_url, clock):
    connections = PostgresqlConnections(postgresql_url, size=1, patience=0.05)
    persistence = SqlPersistence(connections, CommitSignal(hears_every_process=False), clock, LEASE)
    async with persistence.transaction() as tx:
        await tx.users.ensure(OWNER)
        with pytest.raises(Unavailable, match="busy"):
            await persistence.leases.claim()
    assert await persistence.leases.claim() is None
    await persistence.close()


async def test_reads_have_places_of_their_own(postgresql_url, clock):
    connections = PostgresqlConnections(postgresql_url, size=2, patience=0.05)
    persistence = SqlPersistence(connections, CommitSignal(hears_every_process=False), clock, LEASE)
    async with persistence.transaction() as tx:
        await tx.users.ensure(OWNER)
        assert await persistence.snapshots.of(OWNER, Page()) == []
        assert await persistence.event_log.after(0, 1) == []
    await persistence.close()


async def test_hundreds_of_callers_share_the_connections_in_order(postgresql, postgresql_server):
    snapshot = await a_waiting_record(postgresql)
    served = []

    async def work(number):
        await postgresql.event_log.after(number, 1)
        served.append(number)
        assert await postgresql.snapshots.get(snapshot.record.id) == snapshot

    await asyncio.gather(*(work(number) for number in range(500)))
    # With several connections, neighbours may pass each other, but no caller falls behind.
    assert all(abs(place - number) < 60 for place, number in enumerate(served))
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orak'"
    assert int(postgresql_server.sql(sessions)) <= 10


async def test_one_side_of_a_deadlock_gets_stale_version(postgresql):
    first, second = [await postgresql.intake.add(an_upload()) for _ in range(2)]
    both = asyncio.Barrier(2)

    async def cancel(one, other):
        async with postgresql.transaction() as tx:
            await tx.uploads.save(*one.cancel(at=START))
            await both.wait()
            await tx.uploads.save(*other.cancel(at=START))

    outcomes = await asyncio.gather(cancel(first, second), cancel(second, first), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [StaleVersion]


async def test_calls_with_one_idempotency_key_in_two_processes_have_one_effect(postgresql, other):
    for number in range(20):
        idempotency_key = IdempotencyKey(OWNER, "presign", f"key-{number}", "body")
        # Neighbours in the same group have keys of their own: a race for one key must not fail them.
        neighbours = [IdempotencyKey(OWNER, "presign", f"{number}-{n}", "body") for n in range(3)]
        calls = [(postgresql, idempotency_key), (other, idempotency_key)]
        calls += [(p, n) for p in (postgresql, other) for n in random.sample(neighbours, 3)]
        uploads = await asyncio.gather(*(p.intake.add(an_upload(), key) for p, key in calls))
        assert uploads[0] == uploads[1]
        assert len({upload.id for upload in uploads}) == 4
    await postgresql.event_log.number()
    assert len(await postgresql.event_log.after(0, 1000)) == 80


async def test_two_processes_can_add_the_same_users_concurrently(postgresql, other):
    for round_ in range(10):
        owners = [UserId(round_ * 10 + n + 1) for n in range(10)]
        await asyncio.gather(
            *(p.intake.add(an_upload(owner)) for owner in owners for p in (postgresql, other)),
        )


@pytest.mark.parametrize(
    "unstorable",
    [{"size": 2**63}, {"content_type": "\ud800"}, {"content_type": "a\0b"}, {"content_type": "x" * 101}],
    ids=["too big", "no character", "NUL", "too long"],
)
async def test_an_upload_that_postgresql_cannot_store_fails_alone(postgresql, unstorable):
    outcomes = await asyncio.gather(
        postgresql.intake.add(an_upload()),
        postgresql.intake.add(an_upload(**unstorable)),
        postgresql.intake.add(an_upload()),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], Unavailable)
    assert outcomes[0].id != outcomes[2].id


async def test_subscribers_miss_no_event_of_sixteen_writers(postgresql, other):
    async def write(persistence, owner):
        for _ in range(6):
            upload = await persistence.intake.add(an_upload(UserId(owner)))
            await saved(persistence, upload.cancel(at=START))

    async def follow(persistence, seen):
        while not writers.done() or await persistence.event_log.number():
            await persistence.event_log.number()
            seen += await persistence.event_log.after(len(seen), 7)
        while page := await persistence.event_log.after(len(seen), 7):
            seen += page

    async def follow_cancellations(persistence, cancelled):
        position, is_over = 0, False
        while not is_over:
            written = writers.done() and not await persistence.event_log.number()
            page = await persistence.event_log.page(position, 7, {EventType.UPLOAD_CANCELLED})
            cancelled += page.events
            position, is_over = page.end, written and page.is_last

    writers = asyncio.gather(*(write((postgresql, other)[n % 2], n) for n in range(1, 17)))
    seen, also_seen, cancelled = [], [], []
    await asyncio.gather(
        writers,
        follow(postgresql, seen),
        follow(other, also_seen),
        follow_cancellations(postgresql, cancelled),
    )
    assert seen == also_seen
    assert cancelled == [logged for logged in seen if logged.event.type is EventType.UPLOAD_CANCELLED]
    assert [logged.position for logged in seen] == list(range(1, 16 * 6 * 2 + 1))


async def test_now_is_the_time_of_the_database(postgresql, clock):
    now = await postgresql.now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)  # the server runs on this machine
    assert now != clock.now()


CLAIM = """
    import asyncio, sys
    from datetime import timedelta

    from orak.adapters.clock.system import SystemClock
    from orak.adapters.persistence.sql.database import SqlPersistence

    async def claim(persistence):
        while claimed := await persistence.leases.claim():
            print(claimed.upload.id, flush=True)

    async def main():
        clock, lease = SystemClock(), timedelta(seconds=30)
        async with SqlPersistence.open(sys.argv[1], clock=clock, lease=lease) as persistence:
            print("ready", flush=True)
            sys.stdin.readline()
            await asyncio.gather(*(claim(persistence) for _ in range(4)))

    asyncio.run(main())
"""


async def test_two_processes_never_claim_the_same_upload(postgresql, postgresql_url):
    snapshots = [await a_waiting_record(postgresql, UserId(n % 7 + 1)) for n in range(120)]
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            textwrap.dedent(CLAIM),
            postgresql_url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    claimed = [out.split() for out, _ in outputs]
    assert all(claimed)
    assert sorted(map(int, claimed[0] + claimed[1])) == [snapshot.upload.id for snapshot in snapshots]


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "&sslmode=prefer&connect_timeout=3&application_name=mine",
        "&channel_binding=prefer&keepalives=1&gssencmode=disable&client_encoding=utf8",
    ],
    ids=["socket", "options", "only libpq's"],
)
@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
async def test_every_form_of_libpq_url_is_accepted(postgresql_url, clock, scheme, rest):
    url = postgresql_url.replace("postgresql", scheme, 1) + rest
    async with SqlPersistence.open(url, clock=clock, lease=LEASE) as persistence:
        assert await persistence.leases.claim() is None


async def test_every_session_has_the_timeouts(postgresql):
    def limits(connection):
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert await postgresql._connections.read(limits) == ["5s", "2s", "10s"]
    assert await postgresql._connections.write(limits) == ["5s", "2s", "10s"]


async def test_without_a_pooler_statements_stay_prepared(postgresql_url):
    connections = PostgresqlConnections(postgresql_url, size=1)

    def names(connection):
        return connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").scalars().all()

    assert [*await connections.read(names), *await connections.read(names)] != []
    await connections.close()


async def test_every_session_prefers_indexes(postgresql):
    def settings(connection):
        names = ("enable_mergejoin", "enable_hashjoin", "enable_seqscan")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert await postgresql._connections.read(settings) == ["off"] * 3
    assert await postgresql._connections.write(settings) == ["off"] * 3
