from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import OTHER_USER, START, an_upload, created
from orak.application.ports.failures import StaleVersion
from orak.application.ports.songs import Song
from orak.domain.errors import RecordNotFound, SongNotFound
from orak.domain.identity import SongId

LATER = START + timedelta(minutes=1)


@pytest.fixture
async def upload(persistence):
    return await persistence.intake.add(an_upload())


async def test_a_record_comes_back_as_it_was_stored(persistence, upload):
    async with persistence.transaction() as tx:
        await tx.songs.put([Song(SongId(3))])
    record = (await created(persistence, upload, song_id=SongId(3), duration_seconds=61)).record
    async with persistence.transaction() as tx:
        assert await tx.records.get(record.id) == record


async def test_a_changed_record_has_the_next_version(persistence, upload):
    record = (await created(persistence, upload)).record
    async with persistence.transaction() as tx:
        changed = await tx.records.save(record.change(title="다른 곡", song_id=None, at=LATER))
    async with persistence.transaction() as tx:
        assert await tx.records.get(record.id) == changed
    assert (changed.version, changed.title, changed.updated_at) == (2, "다른 곡", LATER)


async def test_the_second_of_two_changes_is_refused(persistence, upload):
    record = (await created(persistence, upload)).record
    async with persistence.transaction() as tx:
        await tx.records.save(record)
    with pytest.raises(StaleVersion):
        async with persistence.transaction() as tx:
            await tx.records.save(record)


async def test_a_removed_record_is_gone_and_its_id_is_never_reused(persistence, upload):
    record = (await created(persistence, upload)).record
    async with persistence.transaction() as tx:
        await tx.records.remove(record.id)
        with pytest.raises(RecordNotFound):
            await tx.records.get(record.id)
        with pytest.raises(RecordNotFound):
            await tx.records.remove(record.id)
        with pytest.raises(StaleVersion):
            await tx.records.save(record)
    upload = await persistence.snapshots.upload(upload.id)
    assert (await created(persistence, upload)).record.id > record.id


async def test_a_record_cannot_be_changed_to_a_missing_song(persistence, upload):
    record = (await created(persistence, upload)).record
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
