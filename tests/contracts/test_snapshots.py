import asyncio
from datetime import timedelta
from itertools import chain

import pytest
from msgspec import UNSET

from builders import OTHER_USER, OWNER, START, a_waiting_record, saved
from orak.application.ports.page import Page
from orak.domain.audio import Loudness, LoudnessLimit
from orak.domain.errors import RecordNotFound, UploadNotFound
from orak.domain.identity import ObjectKey, RecordId, UploadId
from orak.domain.processing import FailureCode
from orak.domain.upload import Output

OUTPUT = Output(
    ObjectKey("published/a.m4a"),
    ObjectKey("published/a.json"),
    61.5,
    Loudness(-30.0, -20.0, None, LoudnessLimit.HEADROOM),
)


async def records(persistence, *ages):
    return [await a_waiting_record(persistence, at=START + timedelta(seconds=age)) for age in ages]


async def ids(persistence, **page):
    return [found.id for found in await persistence.snapshots.of(OWNER, Page(**page))]


async def remove(persistence, snapshot):
    async with persistence.transaction() as tx:
        await tx.records.remove(snapshot.record.id)
        await tx.uploads.save(*snapshot.upload.delete(at=START))


async def test_a_record_is_read_with_its_upload(persistence):
    snapshot = await a_waiting_record(persistence)
    assert await persistence.snapshots.get(snapshot.record.id) == snapshot
    running = await saved(persistence, snapshot.upload.start(at=START, lease_until=START))
    assert (await persistence.snapshots.get(snapshot.record.id)).upload == running


async def test_a_removed_record_is_not_found(persistence):
    snapshot = await a_waiting_record(persistence)
    await remove(persistence, snapshot)
    for record_id in (snapshot.record.id, RecordId(99)):
        with pytest.raises(RecordNotFound):
            await persistence.snapshots.get(record_id)


async def test_an_owner_s_records_come_newest_first(persistence):
    first, second, third = await records(persistence, 5, 9, 7)
    await a_waiting_record(persistence, OTHER_USER)
    assert await persistence.snapshots.of(OWNER, Page()) == [
        record.shown() for record in (second, third, first)
    ]


async def test_an_owner_s_records_are_counted(persistence):
    assert await persistence.snapshots.count(OWNER) == 0
    _, gone, _ = await records(persistence, 1, 2, 3)
    await a_waiting_record(persistence, OTHER_USER)
    assert await persistence.snapshots.count(OWNER) == 3
    await remove(persistence, gone)
    assert await persistence.snapshots.count(OWNER) == 2


async def test_among_records_of_one_moment_the_larger_id_comes_first(persistence):
    made = await records(persistence, 1, 1, 1)
    assert await ids(persistence) == [snapshot.record.id for snapshot in reversed(made)]


async def test_a_page_begins_where_the_last_one_ended(persistence):
    await records(persistence, 1, 2, 2, 2, 3)
    everything = await ids(persistence)
    pages, after = [], None
    while page := await ids(persistence, after=after, limit=2):
        pages.append(page)
        after = page[-1]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain(*pages)) == everything


async def test_a_page_begins_after_a_record_that_was_removed(persistence):
    _, first, gone, _ = made = await records(persistence, 1, 2, 3, 4)
    await remove(persistence, gone)
    assert await ids(persistence, after=gone.record.id) == [first.record.id, made[0].record.id]


async def test_nothing_follows_the_oldest_record_even_when_it_was_removed(persistence):
    oldest, _ = await records(persistence, 1, 2)
    assert await ids(persistence, after=oldest.record.id) == []
    await remove(persistence, oldest)
    assert await ids(persistence, after=oldest.record.id) == []


async def test_a_record_of_another_owner_is_no_cursor(persistence):
    (mine,) = await records(persistence, 1)
    theirs = await a_waiting_record(persistence, OTHER_USER, at=START + timedelta(days=9))
    assert await ids(persistence, after=theirs.record.id) == [mine.record.id]


async def test_a_list_shows_the_same_as_one_record_in_every_state(persistence):
    moves = [
        lambda upload: upload.start(at=START, lease_until=START),
        lambda upload: upload.complete(upload.attempt, OUTPUT, at=START + timedelta(seconds=5)),
    ]
    failed = [
        moves[0],
        lambda upload: upload.fail(
            upload.attempt, FailureCode.DECODER_CRASHED, at=START + timedelta(seconds=5)
        ),
    ]
    for steps in ([], moves[:1], moves, failed):
        upload = (await a_waiting_record(persistence)).upload
        for step in steps:
            upload = await saved(persistence, step(upload))
    listed = await persistence.snapshots.of(OWNER, Page())
    assert listed == [(await persistence.snapshots.get(shown.id)).shown() for shown in listed]
    assert len({(shown.status, shown.audio_key, shown.is_retryable) for shown in listed}) == 3


async def test_concurrent_readers_get_their_own_record_each(persistence):
    made = await records(persistence, *range(5))
    wanted = [*made, *made] * 10
    calls = [persistence.snapshots.get(snapshot.record.id) for snapshot in wanted]
    uploads = [persistence.snapshots.upload(snapshot.upload.id) for snapshot in wanted]
    missing = [persistence.snapshots.get(RecordId(99)), persistence.snapshots.upload(UploadId(99))]
    found = await asyncio.gather(*calls, *uploads, *missing, return_exceptions=True)
    assert found[: len(wanted)] == wanted
    assert found[len(wanted) : -2] == [snapshot.upload for snapshot in wanted]
    assert [type(error) for error in found[-2:]] == [RecordNotFound, UploadNotFound]


async def test_a_reader_that_hangs_up_does_not_hurt_the_others(persistence):
    snapshot = await a_waiting_record(persistence)
    for turns in range(20):
        readers = [asyncio.create_task(persistence.snapshots.get(snapshot.record.id)) for _ in range(6)]
        for _ in range(turns % 7):
            await asyncio.sleep(0)
        for reader in readers[::2]:
            reader.cancel()
        found = await asyncio.gather(*readers, return_exceptions=True)
        assert found[1::2] == [snapshot] * 3


async def test_a_list_that_was_read_before_follows_every_change(persistence):
    upload = (await a_waiting_record(persistence)).upload
    other = await a_waiting_record(persistence)

    async def listed():
        found = await persistence.snapshots.of(OWNER, Page())
        assert found == [(await persistence.snapshots.get(shown.id)).shown() for shown in found]
        return [(shown.id, shown.title, shown.upload_status, shown.progress) for shown in found]

    seen = [await listed()]
    started = await saved(persistence, upload.start(at=START, lease_until=START + timedelta(days=1)))
    seen.append(await listed())
    await persistence.leases.extend(upload.id, started.attempt, 40)
    seen.append(await listed())
    await saved(persistence, started.complete(started.attempt, OUTPUT, at=START))
    seen.append(await listed())
    async with persistence.transaction() as tx:
        record = await tx.records.get(other.record.id)
        await tx.records.save(record.change(title="둘째 노래", song_id=UNSET, at=START))
    seen.append(await listed())
    async with persistence.transaction() as tx:
        await tx.records.remove(other.record.id)
    seen.append(await listed())
    assert len({str(page) for page in seen}) == len(seen)
    assert [len(page) for page in seen] == [2, 2, 2, 2, 2, 1]


async def test_lists_beside_deletions_never_lose_the_rest_of_a_page(persistence):
    made = await records(persistence, *range(30))
    kept = {snapshot.record.id for snapshot in made[::2]}

    async def delete():
        for snapshot in made[1::2]:
            async with persistence.transaction() as tx:
                await tx.records.remove(snapshot.record.id)

    deleting = asyncio.create_task(delete())
    while not deleting.done():
        listed = {shown.id for shown in await persistence.snapshots.of(OWNER, Page())}
        assert kept <= listed
        await asyncio.sleep(0)
    await deleting
    assert {shown.id for shown in await persistence.snapshots.of(OWNER, Page())} == kept
