import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import OTHER_USER, OWNER, START, a_record, an_object, an_upload, created, saved
from orak.application.ports.failures import StaleVersion
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.page import Page
from orak.application.ports.record_intake import Creation, Found, Wanted
from orak.application.ports.songs import Song
from orak.domain.errors import IdempotencyMismatch, RecordNotFound, UserUnknown
from orak.domain.events import EventType
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.processing import FailureCode, ProcessingStatus

CALL = IdempotencyKey(OWNER, "POST /records/async", "key-1", "body-1")


@pytest.fixture
async def upload(persistence):
    return await persistence.intake.add(an_upload())


def a_creation(upload, found=None, key=None, **fields):
    return Creation(a_record(upload, **fields), upload, found, key)


async def events(persistence, upload):
    (history,) = await persistence.histories.histories(upload.id, upload.id)
    return [(one.version, one.event.type, one.event.record_id, one.event.status) for one in history.events]


async def add_songs(persistence, *ids):
    async with persistence.transaction() as tx:
        await tx.songs.put([Song(SongId(id_)) for id_ in ids])


async def test_a_record_is_stored_with_its_upload_and_its_event(persistence, upload):
    made = await persistence.record_intake.add(a_creation(upload, title="첫 노래", duration_seconds=61))
    assert made.record == replace(a_record(upload, title="첫 노래", duration_seconds=61), id=made.record.id)
    assert made.upload == replace(upload, version=2, record_id=made.record.id, not_before=None)
    assert await persistence.snapshots.get(made.record.id) == made
    assert (await events(persistence, upload))[1:] == [
        (2, EventType.RECORD_CREATED, made.record.id, ProcessingStatus.PENDING)
    ]


async def test_an_object_that_was_found_is_verified_with_the_record(persistence, upload):
    made = await persistence.record_intake.add(a_creation(upload, an_object(upload)))
    assert (made.upload.status, made.upload.version) == (ProcessingStatus.UPLOADED, 3)
    assert await persistence.snapshots.get(made.record.id) == made
    assert (await events(persistence, upload))[1:] == [
        (2, EventType.RECORD_CREATED, made.record.id, ProcessingStatus.PENDING),
        (3, EventType.UPLOAD_RECEIVED, made.record.id, ProcessingStatus.UPLOADED),
    ]
    assert (await persistence.leases.claim()).record == made.record


async def test_an_object_that_is_not_as_declared_fails_the_upload(persistence, upload):
    made = await persistence.record_intake.add(a_creation(upload, an_object(upload, size=4)))
    assert (made.upload.status, made.failure) == (ProcessingStatus.FAILED, FailureCode.SIZE_MISMATCH)
    assert await persistence.snapshots.get(made.record.id) == made
    assert (await events(persistence, upload))[-1][1] is EventType.UPLOAD_REJECTED
    assert await persistence.leases.claim() is None


async def test_an_expired_upload_waits_again(persistence, upload):
    expired = await saved(persistence, upload.expire(at=START))
    assert await persistence.arrivals.due(9) == []
    made = await created(persistence, expired)
    assert await persistence.arrivals.due(9) == [made.upload]


async def test_events_of_a_group_come_in_the_order_of_their_versions(persistence):
    uploads = [await persistence.intake.add(an_upload()) for _ in range(20)]
    await asyncio.gather(*(created(persistence, upload, an_object(upload)) for upload in uploads))
    await persistence.event_log.number()
    for upload in uploads:
        logged = [one for one in await persistence.event_log.after(0, 999) if one.upload_id == upload.id]
        assert [one.version for one in logged] == [1, 2, 3]


async def test_a_call_finds_what_it_refers_to(persistence, upload):
    await add_songs(persistence, 3)
    find = persistence.record_intake.find
    assert await find(Wanted(upload.id)) == Found(upload, has_song=True, made=None)
    assert await find(Wanted(upload.id, SongId(3), CALL)) == Found(upload, has_song=True, made=None)
    assert await find(Wanted(UploadId(99), SongId(4))) == Found(None, has_song=False, made=None)
    deleted = await saved(persistence, upload.delete(at=START))
    assert await find(Wanted(upload.id)) == Found(deleted, has_song=True, made=None)


async def test_each_of_many_concurrent_callers_finds_its_own(persistence):
    await add_songs(persistence, *range(1, 10))
    uploads = [await persistence.intake.add(an_upload()) for _ in range(30)]
    keys = [replace(CALL, key=f"key-{place}") for place in range(30)]
    made = await asyncio.gather(
        *(
            persistence.record_intake.add(a_creation(upload, key=key))
            for upload, key in zip(uploads[:20], keys[:20], strict=True)
        )
    )
    found = await asyncio.gather(
        *(
            persistence.record_intake.find(Wanted(upload.id, SongId(place % 12 + 1), keys[place]))
            for place, upload in enumerate(uploads)
        )
    )
    assert [one.upload.id for one in found] == [upload.id for upload in uploads]
    assert [one.has_song for one in found] == [place % 12 < 9 for place in range(30)]
    assert [one.made for one in found] == [one.record.id for one in made] + [None] * 10
    assert [one.upload.record_id for one in found] == [one.made for one in found]


async def test_a_call_with_a_changed_upload_is_refused(persistence, upload):
    await saved(persistence, upload.receive(an_object(upload), at=START))
    with pytest.raises(StaleVersion):
        await created(persistence, upload)
    assert await persistence.snapshots.of(OWNER, Page()) == []
    assert [version for version, *_ in await events(persistence, upload)] == [1, 2]


@pytest.mark.parametrize("found", [False, True])
async def test_only_one_of_many_concurrent_calls_makes_the_record(persistence, upload, found):
    other = await persistence.intake.add(an_upload())
    stored = an_object(upload) if found else None
    *outcomes, neighbour = await asyncio.gather(
        *(created(persistence, upload, stored, title=f"{n}") for n in range(8)),
        created(persistence, other),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, StaleVersion) for outcome in outcomes) == 7
    (made,) = [outcome for outcome in outcomes if not isinstance(outcome, StaleVersion)]
    assert await persistence.snapshots.get(made.record.id) == made
    assert await persistence.snapshots.get(neighbour.record.id) == neighbour
    assert len(await events(persistence, upload)) == made.upload.version


@pytest.mark.parametrize(
    "missing",
    [{"upload_id": UploadId(99)}, {"owner_id": OTHER_USER}, {"song_id": SongId(99)}],
    ids=lambda missing: next(iter(missing)),
)
async def test_a_record_that_refers_to_a_missing_row_fails_alone(persistence, upload, missing):
    others = [await persistence.intake.add(an_upload()) for _ in range(6)]
    broken = Creation(replace(a_record(upload), **missing), upload, None)
    outcomes = await asyncio.gather(
        *(created(persistence, other) for other in others[:3]),
        persistence.record_intake.add(broken),
        *(created(persistence, other) for other in others[3:]),
        return_exceptions=True,
    )
    assert isinstance(outcomes.pop(3), StaleVersion | UserUnknown)
    assert [outcome.upload.id for outcome in outcomes] == [other.id for other in others]
    assert await persistence.snapshots.upload(upload.id) == upload
    assert len(await events(persistence, upload)) == 1


async def test_a_purged_upload_gets_no_record(persistence, upload):
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    with pytest.raises(StaleVersion):
        await created(persistence, upload)


async def test_a_key_is_remembered_for_a_day(persistence, clock):
    first, second = [await persistence.intake.add(an_upload()) for _ in range(2)]
    made = await persistence.record_intake.add(a_creation(first, key=CALL))
    wanted = Wanted(first.id, None, CALL)
    clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
    assert (await persistence.record_intake.find(wanted)).made == made.record.id
    clock.advance(timedelta(microseconds=1))
    assert (await persistence.record_intake.find(wanted)).made is None
    again = await persistence.record_intake.add(a_creation(second, key=CALL, at=clock.now()))
    assert (await persistence.record_intake.find(wanted)).made == again.record.id


async def test_keys_that_another_call_stored_earlier_stay(persistence, clock):
    uploads = [await persistence.intake.add(an_upload()) for _ in range(3)]
    calls = [replace(CALL, key=f"call-{place}") for place in range(3)]
    for upload, call in zip(uploads[:2], calls[:2], strict=True):
        await persistence.record_intake.add(a_creation(upload, key=call))
    clock.advance(timedelta(days=2))
    await persistence.record_intake.add(a_creation(uploads[2], key=calls[2], at=clock.now()))
    await persistence.intake.add(an_upload(), replace(CALL, key="call-3"))
    clock.advance(-timedelta(days=2))
    wanted = [Wanted(upload.id, None, call) for upload, call in zip(uploads, calls, strict=True)]
    assert all([(await persistence.record_intake.find(one)).made for one in wanted])


async def test_expired_keys_are_forgotten_in_batches(persistence, clock):
    uploads = [await persistence.intake.add(an_upload()) for _ in range(4)]
    calls = [replace(CALL, key=f"call-{place}") for place in range(4)]
    for upload, call in zip(uploads, calls, strict=True):
        await persistence.record_intake.add(a_creation(upload, key=call, at=clock.now()))
        before = clock.now()
        clock.advance(timedelta(seconds=1))
    before -= timedelta(seconds=1)
    forgotten = [await persistence.idempotency_keys.forget(before, 2) for _ in range(3)]
    assert forgotten == [2, 1, 0]
    wanted = [Wanted(upload.id, None, call) for upload, call in zip(uploads, calls, strict=True)]
    made = [(await persistence.record_intake.find(one)).made for one in wanted]
    assert [*map(bool, made)] == [False, False, False, True]


async def test_a_key_belongs_to_its_user_and_route(persistence, upload):
    await persistence.record_intake.add(a_creation(upload, key=CALL))
    for other in (replace(CALL, user_id=OTHER_USER), replace(CALL, route="x"), replace(CALL, key="x")):
        assert (await persistence.record_intake.find(Wanted(upload.id, None, other))).made is None


async def test_a_key_with_another_body_is_reported_to_its_own_call(persistence, upload):
    await persistence.record_intake.add(a_creation(upload, key=CALL))
    outcomes = await asyncio.gather(
        persistence.record_intake.find(Wanted(upload.id, None, CALL)),
        persistence.record_intake.find(Wanted(upload.id, None, replace(CALL, fingerprint="body-2"))),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Found)
    assert isinstance(outcomes[1], IdempotencyMismatch)


@pytest.mark.parametrize("same_group", [True, False])
async def test_the_slower_of_two_calls_with_one_key_is_refused(persistence, same_group):
    first, second, third = [await persistence.intake.add(an_upload()) for _ in range(3)]
    calls = [persistence.record_intake.add(a_creation(upload, key=CALL)) for upload in (first, second)]
    if same_group:
        outcomes = await asyncio.gather(*calls, created(persistence, third), return_exceptions=True)
    else:
        made = await calls[0]
        outcomes = [
            made,
            *await asyncio.gather(calls[1], created(persistence, third), return_exceptions=True),
        ]
    assert isinstance(outcomes[1], StaleVersion)
    assert await persistence.snapshots.upload(second.id) == second
    assert (await persistence.record_intake.find(Wanted(second.id, None, CALL))).made == outcomes[0].record.id
    assert outcomes[2].upload.id == third.id


async def test_a_refused_call_does_not_use_its_key(persistence, upload):
    with pytest.raises(StaleVersion):
        await persistence.record_intake.add(a_creation(upload, key=CALL, song_id=SongId(99)))
    assert (await persistence.record_intake.find(Wanted(upload.id, None, CALL))).made is None
    with pytest.raises(RecordNotFound):
        await persistence.snapshots.get(RecordId(1))


async def test_uploads_of_a_group_share_the_line_fairly(persistence):
    owners = [OWNER] * 4 + [OTHER_USER] * 2
    uploads = [await persistence.intake.add(an_upload(owner)) for owner in owners]
    await created(persistence, uploads[0], an_object(uploads[0]))
    await asyncio.gather(*(created(persistence, upload, an_object(upload)) for upload in uploads[1:]))
    order = []
    while snapshot := await persistence.leases.claim():
        order.append(snapshot.upload.id)
    assert order == [uploads[place].id for place in (0, 4, 1, 5, 2, 3)]


@pytest.mark.parametrize("turns_of_the_loop", range(6))
async def test_a_cancelled_caller_does_not_affect_the_others(persistence, turns_of_the_loop):
    uploads = [await persistence.intake.add(an_upload()) for _ in range(5)]
    calls = [asyncio.create_task(created(persistence, upload, an_object(upload))) for upload in uploads]
    for _ in range(turns_of_the_loop):
        await asyncio.sleep(0)
    calls[0].cancel()
    calls[2].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for place in (1, 3, 4):
        assert await persistence.snapshots.get(outcomes[place].record.id) == outcomes[place]
    for place in (0, 2):  # all or nothing
        upload = await persistence.snapshots.upload(uploads[place].id)
        assert (upload.record_id, upload.version) == (None, 1) or (
            upload.record_id is not None and upload.version == 3
        )
        assert len(await events(persistence, upload)) == upload.version
