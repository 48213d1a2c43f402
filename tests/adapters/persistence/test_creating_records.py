"""Many callers create records at the same time; then the database holds exactly what they were told."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import START, an_upload, created
from orak.adapters.clock.system import SystemClock
from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.application.await_record import AwaitRecord
from orak.application.events.check_event_log import CheckEventLog
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.page import Page
from orak.application.ports.songs import Song
from orak.application.records.create_record import CreateRecord, NewRecord
from orak.application.upload_counts import UploadCounts
from orak.application.waits import Waits
from orak.domain.actor import Actor
from orak.domain.errors import IdempotencyMismatch, PermissionDenied, RecordExists, SongNotFound
from orak.domain.identity import SongId, UserId
from orak.domain.policies.records import RecordPolicy
from orak.domain.processing import ProcessingStatus
from orak.domain.record import RecordSnapshot
from orak.domain.upload import StoredObject

LEASE = timedelta(seconds=30)
UPLOADS, CALLERS, SONGS = 1000, 50, 20


class Objects:
    """The objects that a store holds."""

    def __init__(self):
        self.stored = {}

    def put(self, upload, size):
        self.stored[upload.key] = StoredObject(upload.key, size, upload.content_type, '"e"', START)

    async def head(self, key):
        await asyncio.sleep(0)
        return self.stored.get(key)


class Starts:
    """A starter that counts."""

    runs_here = False
    found_no_slot = True

    def __init__(self):
        self.started = Counter()

    async def start(self, upload_id):
        self.started[upload_id] += 1
        return self


def creating(persistence, storage, starter):
    clock = SystemClock()
    return CreateRecord(
        persistence.record_intake,
        persistence.snapshots,
        storage,
        starter,
        AwaitRecord(persistence.snapshots, clock, Waits()),
        clock,
        UploadCounts(SharedMeasurements()),
        RecordPolicy(max_duration_seconds=3600),
        timedelta(0),
    )


@pytest.fixture(params=["sqlite", "postgresql", "two on postgresql"])
async def databases(request):
    """One database, opened once, or twice as two processes do."""
    url = request.getfixturevalue(f"{request.param.rpartition(' ')[2]}_url")
    async with (
        SqlPersistence.open(url, clock=SystemClock(), lease=LEASE) as first,
        SqlPersistence.open(url, clock=SystemClock(), lease=LEASE) as second,
    ):
        yield [first, second] if request.param.startswith("two") else [first]


CASES = ["once", "keyed", "late", "wrong", "twice", "keyed thrice", "two bodies", "no song", "foreign"]


async def some_uploads(persistence, objects, chance):
    """Store uploads with the case of each; those that are not late have an object."""
    async with persistence.transaction() as tx:
        await tx.songs.put([Song(SongId(n)) for n in range(1, SONGS + 1)])
    uploads = await asyncio.gather(
        *(persistence.intake.add(an_upload(UserId(chance.randint(1, 9)), size=9)) for _ in range(UPLOADS))
    )
    cases = [(upload, CASES[place % len(CASES)]) for place, upload in enumerate(uploads)]
    for upload, case in cases:
        if case != "late":
            objects.put(upload, 8 if case == "wrong" else 9)
    return cases


def calls_of(upload, case, chance):
    """Return the calls of one upload: actor, body and key."""
    actor, title = Actor(upload.owner_id), f"title {upload.id}"
    new = NewRecord(title, upload.id, SongId(chance.randint(1, SONGS)) if chance.random() < 0.5 else None, 61)
    key = IdempotencyKey(upload.owner_id, "POST /records/async", f"key-{upload.id}", "body")
    other = actor, replace(new, title="other"), replace(key, fingerprint="another body")
    return {
        "keyed": [(actor, new, key)],
        "twice": [(actor, new, None)] * 2,
        "keyed thrice": [(actor, new, key)] * 3,
        "two bodies": [(actor, new, key), other],
        "no song": [(actor, replace(new, song_id=SongId(SONGS + 1)), key)],
        "foreign": [(Actor(UserId(10)), new, None)],
    }.get(case, [(actor, new, None)])


REFUSALS = {
    "twice": [RecordExists],
    "two bodies": [IdempotencyMismatch],
    "no song": [SongNotFound],
    "foreign": [PermissionDenied],
}


async def test_a_thousand_records_are_exactly_what_fifty_callers_were_told(databases):
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    objects, starts = Objects(), Starts()
    create = [creating(persistence, objects, starts) for persistence in databases]
    cases = await some_uploads(databases[0], objects, chance)
    waiting = [(upload.id, call) for upload, case in cases for call in calls_of(upload, case, chance)]
    chance.shuffle(waiting)
    answers = {upload.id: [] for upload, _ in cases}
    async with asyncio.timeout(300):
        await asyncio.gather(
            *(call_all(create[place % len(create)], waiting, answers) for place in range(CALLERS))
        )

    persistence, made = databases[-1], {}
    rows = await asyncio.gather(*(persistence.snapshots.upload(upload.id) for upload, _ in cases))
    rows = {upload.id: upload for upload in rows}
    for upload, case in cases:
        told = answers[upload.id]
        refusals = [type(answer) for answer in told if isinstance(answer, Exception)]
        assert refusals == REFUSALS.get(case, []), (case, told)
        stored = rows[upload.id]
        if case in {"no song", "foreign"}:
            assert stored == upload
            continue
        snapshots = [answer for answer in told if isinstance(answer, RecordSnapshot)]
        assert len(snapshots) == {"keyed thrice": 3}.get(case, 1)
        (made[upload.id],) = {one.record.id for one in snapshots}
        assert all(one.upload == stored for one in snapshots)
        assert stored.record_id == made[upload.id]
        assert stored.status is {
            "late": ProcessingStatus.PENDING,
            "wrong": ProcessingStatus.FAILED,
        }.get(case, ProcessingStatus.UPLOADED)
        assert stored.version == (2 if case == "late" else 3)
        assert starts.started[upload.id] == stored.is_waiting
    assert len(set(made.values())) == len(made)
    listed = [one for owner in range(1, 10) for one in await persistence.snapshots.of(UserId(owner), Page())]
    assert {one.upload_id: one.id for one in listed} == made
    await check_events(persistence, [upload for upload, _ in cases])
    in_line = {upload_id for upload_id, count in starts.started.items() if count}
    assert (await persistence.reports.count(START, START)).waiting == len(in_line)
    for _ in range(20):
        assert (await persistence.leases.claim()).upload.id in in_line


async def call_all(create, waiting, answers):
    while waiting:
        upload_id, (actor, new, key) = waiting.pop()
        try:
            answers[upload_id].append(await create(actor, new, idempotency_key=key))
        except (RecordExists, IdempotencyMismatch, SongNotFound, PermissionDenied) as refusal:
            answers[upload_id].append(refusal)


async def check_events(persistence, uploads):
    """One event for each version, in order, and as the rows say."""
    check = CheckEventLog(persistence.histories)
    assert [found async for history in check.histories() for found in await check.check(history)] == []
    await persistence.event_log.number()
    versions = {upload.id: [] for upload in uploads}
    for logged in await persistence.event_log.after(0, 10 * UPLOADS):
        versions[logged.upload_id].append(logged.version)
    for stored in await asyncio.gather(*(persistence.snapshots.upload(upload.id) for upload in uploads)):
        assert versions[stored.id] == list(range(1, stored.version + 1))


async def test_a_locked_upload_holds_up_its_own_call_only(postgresql_url):
    locked, release = asyncio.Event(), asyncio.Event()
    async with SqlPersistence.open(postgresql_url, clock=SystemClock(), lease=LEASE) as persistence:
        first, *others = await asyncio.gather(*(persistence.intake.add(an_upload()) for _ in range(6)))

        async def lock():
            async with persistence.transaction() as tx:
                await tx.uploads.save(*first.note_record_change(at=START))
                locked.set()
                await release.wait()
                raise ZeroDivisionError

        holder = asyncio.create_task(lock())
        await locked.wait()
        waiting = asyncio.create_task(created(persistence, first))
        made = await asyncio.gather(*(created(persistence, upload) for upload in others))
        assert [one.upload.id for one in made] == [upload.id for upload in others]
        assert not waiting.done()
        release.set()
        await asyncio.wait({holder})
        snapshot = await waiting
        assert await persistence.snapshots.get(snapshot.record.id) == snapshot


async def test_a_cancelled_call_stores_all_or_nothing(databases):
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    objects, starts = Objects(), Starts()
    create = [creating(persistence, objects, starts) for persistence in databases]
    uploads = await asyncio.gather(*(databases[0].intake.add(an_upload(size=9)) for _ in range(200)))
    for upload in uploads:
        objects.put(upload, 9)
    calls = []
    for place, upload in enumerate(uploads):
        key = IdempotencyKey(upload.owner_id, "POST /records/async", f"key-{upload.id}", "body")
        new = NewRecord("t", upload.id)
        calls.append(
            asyncio.create_task(create[place % len(create)](Actor(upload.owner_id), new, idempotency_key=key))
        )
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        if chance.random() < 0.7:
            calls[chance.randrange(len(calls))].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    persistence = databases[-1]
    for upload, outcome in zip(uploads, outcomes, strict=True):
        # A second call with the key meets whatever the first one left, as a client does that lost its answer.
        key = IdempotencyKey(upload.owner_id, "POST /records/async", f"key-{upload.id}", "body")
        before = await persistence.snapshots.upload(upload.id)
        assert (before.record_id is None, before.version) in {(True, 1), (False, 3)}
        again = await create[0](Actor(upload.owner_id), NewRecord("t", upload.id), idempotency_key=key)
        assert again == await persistence.snapshots.get(again.record.id)
        assert before.record_id in {None, again.record.id}
        if isinstance(outcome, RecordSnapshot):
            assert outcome == again
    await check_events(persistence, uploads)
