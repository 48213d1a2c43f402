import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import OTHER_USER, OWNER, START, a_record, an_upload
from orak.application.ports.failures import StaleVersion
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.songs import Song
from orak.domain.errors import IdempotencyMismatch, RecordExists, RecordNotFound, SongNotFound
from orak.domain.identity import RecordId, SongId, UploadId

LATER = START + timedelta(minutes=1)
CALL = IdempotencyKey(OWNER, "POST /records/async", "key-1", "body-1")


async def added(persistence, record):
    async with persistence.transaction() as tx:
        return await tx.records.add(record)


@pytest.fixture
async def upload(persistence):
    return await persistence.intake.add(an_upload())


async def test_a_record_comes_back_as_it_was_stored(persistence, upload):
    async with persistence.transaction() as tx:
        await tx.songs.put([Song(SongId(3))])
        record = await tx.records.add(a_record(upload, song_id=SongId(3), duration_seconds=61))
        assert await tx.records.get(record.id) == record


async def test_a_changed_record_has_the_next_version(persistence, upload):
    record = await added(persistence, a_record(upload))
    async with persistence.transaction() as tx:
        changed = await tx.records.save(record.change(title="다른 곡", song_id=None, at=LATER))
    async with persistence.transaction() as tx:
        assert await tx.records.get(record.id) == changed
    assert (changed.version, changed.title, changed.updated_at) == (2, "다른 곡", LATER)


async def test_the_second_of_two_changes_is_refused(persistence, upload):
    record = await added(persistence, a_record(upload))
    async with persistence.transaction() as tx:
        await tx.records.save(record)
    with pytest.raises(StaleVersion):
        async with persistence.transaction() as tx:
            await tx.records.save(record)


async def test_an_upload_has_one_record(persistence, upload):
    await added(persistence, a_record(upload))
    with pytest.raises(RecordExists) as refused:
        await added(persistence, a_record(upload))
    assert refused.value.upload_id == upload.id


async def test_only_one_of_many_concurrent_creates_adds_a_record(persistence, upload):
    outcomes = await asyncio.gather(
        *(added(persistence, a_record(upload)) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, RecordExists) for outcome in outcomes) == 7


async def test_a_removed_record_is_gone_and_its_id_is_never_reused(persistence, upload):
    record = await added(persistence, a_record(upload))
    async with persistence.transaction() as tx:
        await tx.records.remove(record.id)
        with pytest.raises(RecordNotFound):
            await tx.records.get(record.id)
        with pytest.raises(RecordNotFound):
            await tx.records.remove(record.id)
        with pytest.raises(StaleVersion):
            await tx.records.save(record)
    assert (await added(persistence, a_record(upload))).id > record.id


@pytest.mark.parametrize(
    "missing",
    [{"upload_id": UploadId(99)}, {"owner_id": OTHER_USER}, {"song_id": SongId(99)}],
    ids=lambda missing: next(iter(missing)),
)
async def test_a_record_refers_only_to_existing_rows(persistence, upload, missing):
    with pytest.raises(StaleVersion):
        await added(persistence, replace(a_record(upload), **missing))
    with pytest.raises(RecordNotFound):
        await persistence.snapshots.get(RecordId(1))


async def test_a_record_cannot_be_changed_to_a_missing_song(persistence, upload):
    record = await added(persistence, a_record(upload))
    with pytest.raises(StaleVersion):
        async with persistence.transaction() as tx:
            await tx.records.save(replace(record, song_id=SongId(99)))


async def test_an_unknown_song_is_reported(persistence):
    async with persistence.transaction() as tx:
        with pytest.raises(SongNotFound):
            await tx.songs.check(SongId(3))
        await tx.songs.put([Song(SongId(3), "a", "b"), Song(SongId(4))])
        await tx.songs.check(SongId(3))


async def test_songs_can_be_replaced(persistence):
    for title in ("old", "new"):
        async with persistence.transaction() as tx:
            await tx.songs.put([Song(SongId(3), title, title.upper()), Song(SongId(4), "other")])
            await tx.songs.put([])
    async with persistence.transaction() as tx:
        songs = await tx.songs.page(after=None, limit=9)
    assert songs == [Song(SongId(3), "new", "NEW"), Song(SongId(4), "other")]


async def test_songs_are_listed_page_by_page_in_the_order_of_their_ids(persistence):
    async with persistence.transaction() as tx:
        await tx.songs.put([Song(SongId(id_), f"song {id_}") for id_ in (30, 4, 5, 100)])
    async with persistence.transaction() as tx:
        assert [song.id for song in await tx.songs.page(after=None, limit=2)] == [4, 5]
        assert [song.id for song in await tx.songs.page(after=SongId(5), limit=9)] == [30, 100]
        assert await tx.songs.page(after=SongId(100), limit=9) == []


async def test_a_known_user_is_left_as_is(persistence):
    for _ in range(2):
        async with persistence.transaction() as tx:
            await tx.users.ensure(OTHER_USER)


async def test_a_key_is_remembered_for_a_day(persistence, clock):
    async with persistence.transaction() as tx:
        assert await tx.idempotency_keys.find(CALL) is None
        await tx.idempotency_keys.keep(CALL, 12)
        assert await tx.idempotency_keys.find(CALL) == 12
    clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
    async with persistence.transaction() as tx:
        assert await tx.idempotency_keys.find(CALL) == 12
    clock.advance(timedelta(microseconds=1))
    async with persistence.transaction() as tx:
        assert await tx.idempotency_keys.find(CALL) is None
        await tx.idempotency_keys.keep(CALL, 13)
        assert await tx.idempotency_keys.find(CALL) == 13


async def test_a_key_belongs_to_its_user_and_route(persistence):
    async with persistence.transaction() as tx:
        await tx.idempotency_keys.keep(CALL, 12)
        for other in (replace(CALL, user_id=OTHER_USER), replace(CALL, route="x"), replace(CALL, key="x")):
            assert await tx.idempotency_keys.find(other) is None


async def test_a_key_with_another_body_is_reported(persistence):
    async with persistence.transaction() as tx:
        await tx.idempotency_keys.keep(CALL, 12)
    async with persistence.transaction() as tx:
        with pytest.raises(IdempotencyMismatch):
            await tx.idempotency_keys.find(replace(CALL, fingerprint="body-2"))


async def test_the_slower_of_two_calls_with_one_key_is_refused(persistence, upload):
    async with persistence.transaction() as tx:
        await tx.idempotency_keys.keep(CALL, 12)

    async def call_again():
        async with persistence.transaction() as tx:
            await tx.records.add(a_record(upload))
            await tx.idempotency_keys.keep(CALL, 13)

    with pytest.raises(StaleVersion):
        await call_again()
    with pytest.raises(RecordNotFound):
        await persistence.snapshots.get(RecordId(1))


async def test_a_key_is_rolled_back_with_its_transaction(persistence):

    async def call_and_fail():
        async with persistence.transaction() as tx:
            await tx.idempotency_keys.keep(CALL, 12)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await call_and_fail()
    async with persistence.transaction() as tx:
        assert await tx.idempotency_keys.find(CALL) is None
