import asyncio
import unicodedata
from datetime import timedelta
from uuid import uuid4

import pytest

from builders import OWNER, START, a_waiting_record, an_object, an_upload, created, saved
from orak.application.ports.failures import StaleVersion
from orak.application.ports.page import Page
from orak.application.ports.record_intake import Creation
from orak.application.ports.songs import Song
from orak.application.songs.import_songs import ImportSongs
from orak.domain.audio import Loudness, LoudnessLimit
from orak.domain.errors import Rejected, UploadNotFound
from orak.domain.identity import ObjectKey, SongId, UploadId
from orak.domain.policies.fields import clean_name, has_forbidden_character, name_problem
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import Record
from orak.domain.upload import Output, Upload


async def read(persistence, upload_id):
    async with persistence.transaction() as tx:
        return await tx.uploads.get(upload_id)


async def test_an_upload_comes_back_as_it_was_stored(persistence):
    upload = await persistence.intake.add(
        an_upload(filename="노래 한 곡.WEBM", declared_duration=61, not_before=START)
    )
    assert await read(persistence, upload.id) == upload


@pytest.mark.parametrize("limited_by", [None, *LoudnessLimit])
async def test_every_field_is_stored_in_every_state_of_an_upload(persistence, limited_by):
    snapshot = await a_waiting_record(persistence)
    loudness = Loudness(-31.5, -14, None, limited_by)
    output = Output(ObjectKey("published/x/1_a.m4a"), ObjectKey("published/x/1_a.json"), 61.25, loudness)
    steps = [
        lambda held: held.start(at=START, lease_until=START + timedelta(microseconds=1)),
        lambda held: held.fail_attempt(
            1, message="broken", at=START, not_before=START + timedelta(seconds=2)
        ),
        lambda held: held.start(at=START, lease_until=START + timedelta(seconds=30)),
        lambda held: held.complete(2, output, at=START),
        lambda held: held.delete(at=START + timedelta(hours=1)),
    ]
    upload = snapshot.upload
    for step in steps:
        upload = await saved(persistence, step(upload))
        assert await read(persistence, upload.id) == upload
    assert (upload.version, upload.deleted_at) == (8, START + timedelta(hours=1))


async def test_a_failure_is_stored(persistence):
    snapshot = await a_waiting_record(persistence)
    running = await saved(persistence, snapshot.upload.start(at=START, lease_until=START))
    failed = await saved(persistence, running.fail(1, FailureCode.CORRUPT, at=START))
    assert await read(persistence, failed.id) == failed
    assert failed.failure is FailureCode.CORRUPT


async def test_an_upload_is_found_by_its_key(persistence):
    upload = await persistence.intake.add(an_upload())
    await persistence.intake.add(an_upload())
    async with persistence.transaction() as tx:
        assert await tx.uploads.by_key(upload.key) == upload


async def test_an_unknown_upload_is_not_found(persistence):
    async with persistence.transaction() as tx:
        with pytest.raises(UploadNotFound):
            await tx.uploads.get(UploadId(1))
        with pytest.raises(UploadNotFound):
            await tx.uploads.by_key(ObjectKey("recordings/none"))


async def test_an_upload_has_its_record_s_id_while_the_record_exists(persistence):
    upload = await persistence.intake.add(an_upload())
    record = (await created(persistence, upload)).record
    async with persistence.transaction() as tx:
        assert (await tx.uploads.get(upload.id)).record_id == record.id
        await tx.records.remove(record.id)
        assert (await tx.uploads.get(upload.id)).record_id is None


async def test_the_second_of_two_writers_is_refused(persistence):
    upload = await persistence.intake.add(an_upload())
    first = await saved(persistence, upload.receive(an_object(upload), at=START))
    with pytest.raises(StaleVersion):
        await saved(persistence, upload.cancel(at=START))
    assert await read(persistence, upload.id) == first


async def test_one_of_many_concurrent_writers_wins(persistence):
    upload = await persistence.intake.add(an_upload())
    outcomes = await asyncio.gather(
        *(saved(persistence, upload.cancel(at=START)) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, StaleVersion) for outcome in outcomes) == 7
    assert (await read(persistence, upload.id)).version == 2


async def test_saving_a_purged_upload_is_refused(persistence):
    upload = await persistence.intake.add(an_upload())
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    with pytest.raises(StaleVersion):
        await saved(persistence, upload.cancel(at=START))


async def test_an_exception_rolls_back_the_transaction(persistence):
    upload = await persistence.intake.add(an_upload())

    async def change_and_fail():
        async with persistence.transaction() as tx:
            await tx.songs.put([Song(SongId(3))])
            await tx.uploads.save(*upload.cancel(at=START))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert await read(persistence, upload.id) == upload
    async with persistence.transaction() as tx:
        assert await tx.songs.page(after=None, limit=1) == []
    assert await persistence.event_log.number() == 1


async def test_a_transaction_sees_its_own_changes(persistence):
    upload = await persistence.intake.add(an_upload())
    async with persistence.transaction() as tx:
        changed = await tx.uploads.save(*upload.cancel(at=START))
        assert await tx.uploads.get(upload.id) == changed


async def test_uncommitted_changes_are_invisible_to_others(persistence):
    snapshot = await a_waiting_record(persistence)
    async with persistence.transaction() as tx:
        running = await tx.uploads.save(*snapshot.upload.start(at=START, lease_until=START))
        assert (await persistence.snapshots.get(snapshot.record.id)).upload == snapshot.upload
        assert await persistence.leases.lost(9) == []
    assert (await persistence.snapshots.get(snapshot.record.id)).upload == running


async def test_a_tombstone_is_read_until_it_is_purged(persistence):
    upload = await persistence.intake.add(an_upload())
    tombstones = await saved(persistence, upload.delete(at=START))
    assert (await read(persistence, upload.id)).status is ProcessingStatus.DELETED
    async with persistence.transaction() as tx:
        await tx.uploads.purge(tombstones.id)
        await tx.uploads.purge(tombstones.id)  # purging twice does nothing
        with pytest.raises(UploadNotFound):
            await tx.uploads.get(tombstones.id)


async def test_an_upload_with_a_record_is_not_purged(persistence):
    snapshot = await a_waiting_record(persistence)
    with pytest.raises(StaleVersion):
        async with persistence.transaction() as tx:
            await tx.uploads.purge(snapshot.upload.id)
    assert await persistence.snapshots.get(snapshot.record.id) == snapshot


async def test_the_id_of_a_purged_upload_is_never_reused(persistence):
    upload = await persistence.intake.add(an_upload())
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    assert (await persistence.intake.add(an_upload())).id > upload.id


@pytest.mark.parametrize("syllable", ["각", "\U0001f3a4", "é"])
async def test_the_longest_names_fit_however_they_were_sent(persistence, syllable):
    name, title = syllable * 250 + ".webm", syllable * 255
    upload = await persistence.intake.add(
        Upload.request(
            OWNER,
            uuid=str(uuid4()),
            filename=unicodedata.normalize("NFD", name),
            size=3,
            content_type="audio/webm",
            duration=None,
            at=START,
            url_life=timedelta(minutes=15),
        )
    )
    decomposed = unicodedata.normalize("NFD", title)
    record = Record.create(upload, decomposed, song_id=None, duration_seconds=None, at=START)
    made = await persistence.record_intake.add(Creation(record, upload, None))
    snapshot = await persistence.snapshots.get(made.record.id)
    assert (snapshot.upload.original_filename, snapshot.record.title) == (name, title)


async def test_imported_songs_have_clean_names_of_the_longest_kind(persistence):
    song = Song(SongId(3), unicodedata.normalize("NFD", "각" * 255) + "\u202e", "\U0001f3a4" * 255)
    import_songs = ImportSongs(persistence.transaction)
    assert await import_songs([song]) == 1
    async with persistence.transaction() as tx:
        assert await tx.songs.page(after=None, limit=9) == [Song(SongId(3), "각" * 255, "\U0001f3a4" * 255)]
    for wrong in ({"title": "a" * 256}, {"artist": "a\0"}, {"title": "\ud800"}):
        with pytest.raises(Rejected):
            await import_songs([Song(SongId(4), **wrong)])


async def test_whatever_characters_a_name_may_have_can_be_stored(persistence):
    allowed = [chr(code) for code in range(0, 0x110000, 97) if not has_forbidden_character(chr(code))]
    names = ["x" + "".join(allowed[start : start + 200]) for start in range(0, len(allowed), 200)]
    uploads = [
        Upload.request(
            OWNER,
            uuid=str(uuid4()),
            filename=f"{name}.webm",
            size=3,
            content_type="audio/webm",
            duration=None,
            at=START,
            url_life=timedelta(minutes=15),
        )
        for name in names
        if name_problem("title", name) is None
    ]
    assert len(uploads) > 40
    stored = await asyncio.gather(*map(persistence.intake.add, uploads))
    for upload in stored:
        title = clean_name(upload.original_filename.removesuffix(".webm"))
        await created(persistence, upload, title=title)
    for upload, given in zip(stored, uploads, strict=True):
        assert (await read(persistence, upload.id)).original_filename == given.original_filename
    listed = await persistence.snapshots.of(OWNER, Page())
    assert {record.title for record in listed} == {
        upload.original_filename.removesuffix(".webm") for upload in uploads
    }
