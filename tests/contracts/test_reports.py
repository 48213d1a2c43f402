from datetime import timedelta

import pytest

from builders import OTHER_USER, OWNER, START, a_waiting_record, an_object, an_upload, created, saved
from orak.application.ports.page import Page
from orak.application.ports.reports import Counts, DeadLetter
from orak.domain.processing import FailureCode, ProcessingStatus

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def failed(persistence, owner=OTHER_USER, at=START):
    snapshot = await a_waiting_record(persistence, owner)
    leased = (await persistence.leases.claim(snapshot.upload.id)).upload
    return await saved(persistence, leased.fail(leased.attempt, FailureCode.CORRUPT, at=at))


async def refused(persistence, at=START):
    upload = await persistence.intake.add(an_upload())
    return await saved(persistence, upload.receive(an_object(upload, size=99), at=at))


async def unnamed(persistence, at=START, **fields):
    upload = await persistence.intake.add(an_upload(at=at, **fields))
    return await saved(persistence, upload.receive(an_object(upload), at=at))


async def test_an_empty_database_counts_nothing(persistence):
    assert await persistence.reports.count(START, START) == Counts(0, 0, 0, 0, 0, 0, 0, None)
    assert await persistence.reports.count_completed() == 0


async def test_uploads_are_counted_by_state(persistence, clock):
    for owner in (OWNER, OWNER, OTHER_USER):
        await a_waiting_record(persistence, owner)
    for _ in range(2):
        await persistence.leases.claim((await a_waiting_record(persistence)).upload.id)
    await failed(persistence)
    await refused(persistence)
    await unnamed(persistence, at=START - MINUTE)
    await unnamed(persistence, at=START - MINUTE, directory="elsewhere")
    await unnamed(persistence)
    await persistence.intake.add(an_upload())
    counts = await persistence.reports.count(START, START)
    assert counts == Counts(
        active=2,
        waiting=3,
        waiting_users=2,
        processing=2,
        failed=2,
        dead_letters=0,
        orphans=1,
        in_line_since=START,
    )
    clock.advance(MINUTE)
    counts = await persistence.reports.count(clock.now(), START)
    assert (counts.active, counts.processing) == (0, 2)


@pytest.mark.parametrize("killed", [FailureCode.DECODER_CRASHED, FailureCode.RESOURCE_LIMIT, None])
async def test_what_another_run_may_convert_is_a_dead_letter(persistence, killed):
    upload = (await a_waiting_record(persistence)).upload
    while upload.status is not ProcessingStatus.FAILED:
        upload = (await persistence.leases.claim(upload.id)).upload
        upload = await saved(
            persistence,
            upload.fail_attempt(upload.attempt, killed=killed, message="broken", at=START, not_before=START),
        )
    counts = await persistence.reports.count(START, START)
    assert (counts.failed, counts.dead_letters) == (1, 1)
    await saved(persistence, upload.retry(at=START))
    counts = await persistence.reports.count(START, START)
    assert (counts.failed, counts.dead_letters) == (0, 0)


async def test_an_upload_in_back_off_is_waiting_and_is_not_next(persistence):
    await a_waiting_record(persistence)
    running = (await persistence.leases.claim()).upload
    later = START + MINUTE
    await saved(persistence, running.fail_attempt(1, message="broken", at=START, not_before=later))
    counts = await persistence.reports.count(START, START)
    assert (counts.waiting, counts.in_line_since) == (1, None)
    assert (await persistence.reports.count(later, START)).in_line_since == START


@pytest.mark.parametrize("named_first", [True, False])
async def test_an_upload_is_in_line_since_it_had_both_bytes_and_record(persistence, named_first):
    upload = await persistence.intake.add(an_upload())

    async def name(at):
        await created(persistence, await persistence.snapshots.upload(upload.id), at=at)

    async def receive(at):
        async with persistence.transaction() as tx:
            current = await tx.uploads.get(upload.id)
            await tx.uploads.save(*current.receive(an_object(current), at=at))

    first, second = (name, receive) if named_first else (receive, name)
    await first(START + SECOND)
    await second(START + 2 * SECOND)
    async with persistence.transaction() as tx:
        await tx.uploads.save(*(await tx.uploads.get(upload.id)).note_record_change(at=START + MINUTE))
    counts = await persistence.reports.count(START + MINUTE, START)
    assert counts.in_line_since == START + 2 * SECOND


async def test_a_retried_upload_is_in_line_since_the_retry(persistence):
    letter = await failed(persistence)
    await saved(persistence, letter.retry(at=START + MINUTE, forced=True))
    assert (await persistence.reports.count(START + MINUTE, START)).in_line_since == START + MINUTE
    assert await persistence.reports.failures(Page()) == []


async def test_failures_are_paged_newest_first(persistence):
    letters = [
        DeadLetter(await failed(persistence, at=START + n * SECOND), START + n * SECOND) for n in (1, 2)
    ]
    letters.append(DeadLetter(await refused(persistence, at=START + MINUTE), START + MINUTE))
    await a_waiting_record(persistence)
    assert await persistence.reports.failures(Page()) == letters[::-1]
    assert await persistence.reports.failures(Page(limit=1)) == letters[2:]
    assert await persistence.reports.failures(Page(after=letters[2].upload.id, limit=1)) == letters[1:2]


async def test_a_later_change_of_the_record_does_not_move_the_time_of_failure(persistence):
    letter = await failed(persistence, at=START + SECOND)
    await saved(persistence, letter.note_record_change(at=START + MINUTE))
    assert [found.failed_at for found in await persistence.reports.failures(Page())] == [START + SECOND]


async def test_orphans_are_paged_newest_first(persistence):
    orphans = [await unnamed(persistence) for _ in range(3)]
    await unnamed(persistence, at=START + MINUTE)
    await unnamed(persistence, directory="elsewhere")
    await a_waiting_record(persistence)
    before = START + MINUTE
    assert await persistence.reports.orphans(before, Page()) == orphans[::-1]
    assert await persistence.reports.orphans(before, Page(after=orphans[1].id)) == orphans[:1]


async def test_the_batch_size_is_stored(persistence):
    assert await persistence.batch_settings.batch_size() is None
    for size in (200, 1):
        await persistence.batch_settings.set_batch_size(size)
        assert await persistence.batch_settings.batch_size() == size
