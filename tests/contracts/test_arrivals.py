from datetime import timedelta

from msgspec.structs import replace

from builders import START, a_waiting_record, an_object, an_upload, created, saved
from orak.domain.identity import UploadId

MINUTE = timedelta(minutes=1)


def ids(uploads):
    return [upload.id for upload in uploads]


async def named(persistence, upload):
    return (await created(persistence, upload)).upload


async def arrived(persistence, **fields):
    upload = await persistence.intake.add(an_upload(**fields))
    return await saved(persistence, upload.receive(an_object(upload), at=START))


async def expired(persistence, at=START):
    return await saved(persistence, (await persistence.intake.add(an_upload())).expire(at=at))


async def test_an_upload_is_due_at_its_next_check(persistence, clock):
    upload = await persistence.intake.add(an_upload(not_before=START + MINUTE))
    assert await persistence.arrivals.due(9) == []
    clock.advance(MINUTE)
    assert await persistence.arrivals.due(9) == [upload]


async def test_uploads_outside_recordings_are_left_alone(persistence, clock):
    """An adopted database holds uploads of the app, which orak neither verifies nor purges."""
    await persistence.intake.add(an_upload(not_before=START, directory="profiles"))
    over = await persistence.intake.add(an_upload(directory="profiles"))
    await saved(persistence, over.expire(at=START))
    clock.advance(30 * 24 * 60 * MINUTE)
    assert await persistence.arrivals.due(9) == []
    assert await persistence.arrivals.tombstones(clock.now(), 9) == []


async def test_the_longest_overdue_comes_first(persistence, clock):
    later = await persistence.intake.add(an_upload(not_before=START + 2 * MINUTE))
    sooner = await persistence.intake.add(an_upload(not_before=START + MINUTE))
    at_once = await named(persistence, await persistence.intake.add(an_upload(not_before=START + MINUTE)))
    clock.advance(3 * MINUTE)
    assert await persistence.arrivals.due(9) == [at_once, sooner, later]
    assert await persistence.arrivals.due(2) == [at_once, sooner]


async def test_uploads_that_arrived_or_ended_are_not_due(persistence, clock):
    await arrived(persistence)
    await a_waiting_record(persistence)
    await saved(persistence, (await persistence.intake.add(an_upload())).cancel(at=START))
    await saved(persistence, (await persistence.intake.add(an_upload())).delete(at=START))
    await expired(persistence)
    clock.advance(MINUTE)
    assert await persistence.arrivals.due(9) == []


async def test_an_expired_upload_is_due_while_a_record_waits_for_it(persistence):
    late = await named(persistence, await expired(persistence))
    expired_later = await named(persistence, await persistence.intake.add(an_upload()))
    expired_later = await saved(persistence, expired_later.expire(at=START))
    assert await persistence.arrivals.due(9) == [late, expired_later]


async def test_a_check_can_be_postponed(persistence, clock):
    upload = await persistence.intake.add(an_upload(not_before=START))
    await persistence.arrivals.postpone({upload.id: START + MINUTE})
    assert await persistence.arrivals.due(9) == []
    clock.advance(MINUTE)
    assert await persistence.arrivals.due(9) == [replace(upload, not_before=START + MINUTE)]
    assert await persistence.event_log.number() == 1


async def test_checks_of_uploads_that_expect_no_bytes_are_not_postponed(persistence):
    snapshot = await a_waiting_record(persistence)
    await persistence.arrivals.postpone({snapshot.upload.id: START + MINUTE, UploadId(99): START + MINUTE})
    await persistence.arrivals.postpone({})
    assert await persistence.leases.claim() is not None


async def test_orphans_arrived_and_have_no_record(persistence):
    younger = await arrived(persistence, at=START + MINUTE)
    older = await arrived(persistence)
    await arrived(persistence, at=START + 2 * MINUTE)
    await a_waiting_record(persistence)
    await persistence.intake.add(an_upload())
    assert await persistence.arrivals.orphans(START + 2 * MINUTE, 9) == [older, younger]
    assert await persistence.arrivals.orphans(START + 2 * MINUTE, 1) == [older]
    await named(persistence, older)
    assert await persistence.arrivals.orphans(START + 2 * MINUTE, 9) == [younger]


async def test_only_recordings_become_orphans_and_adopted_ones_later(persistence):
    await arrived(persistence, directory="profiles")
    upload = await arrived(persistence)
    later = await saved(persistence, (replace(upload, not_before=START + MINUTE), upload.requested()))
    assert await persistence.arrivals.orphans(START + MINUTE, 9) == []
    assert await persistence.arrivals.orphans(START + 2 * MINUTE, 9) == [later]


async def test_uploads_that_ended_without_a_record_are_tombstones(persistence):
    cancelled = await saved(
        persistence, (await persistence.intake.add(an_upload())).cancel(at=START + 3 * MINUTE)
    )
    asked = await persistence.intake.add(an_upload())
    wrong = replace(an_object(asked), size=99)
    rejected = await saved(persistence, asked.receive(wrong, at=START + 2 * MINUTE))
    gone = await expired(persistence, at=START + MINUTE)
    deleted = await saved(persistence, (await persistence.intake.add(an_upload())).delete(at=START))
    assert ids(await persistence.arrivals.tombstones(START + 9 * MINUTE, 9)) == ids(
        [deleted, gone, rejected, cancelled]
    )
    assert await persistence.arrivals.tombstones(START + 2 * MINUTE, 9) == [deleted, gone]
    assert await persistence.arrivals.tombstones(START + 9 * MINUTE, 1) == [deleted]


async def test_live_uploads_and_those_with_a_record_are_no_tombstones(persistence):
    await persistence.intake.add(an_upload())
    await arrived(persistence)
    await named(persistence, await expired(persistence))
    refused = await named(persistence, await persistence.intake.add(an_upload()))
    wrong = replace(an_object(refused), size=99)
    await saved(persistence, refused.receive(wrong, at=START))
    assert await persistence.arrivals.tombstones(START + 9 * MINUTE, 9) == []


async def test_an_upload_is_a_tombstone_once_its_record_is_deleted(persistence):
    snapshot = await a_waiting_record(persistence)
    async with persistence.transaction() as tx:
        await tx.records.remove(snapshot.record.id)
        await tx.uploads.save(*snapshot.upload.delete(at=START))
    assert ids(await persistence.arrivals.tombstones(START + MINUTE, 9)) == [snapshot.upload.id]


async def test_uploads_and_tombstones_are_found_by_their_uuids(persistence):
    waiting = (await a_waiting_record(persistence)).upload
    gone = await saved(persistence, (await persistence.intake.add(an_upload())).delete(at=START))
    await persistence.intake.add(an_upload())
    known = await persistence.arrivals.known({waiting.uuid, gone.uuid, "unknown"})
    assert sorted(known, key=lambda upload: upload.id) == [waiting, gone]
    assert await persistence.arrivals.known(set()) == []
    assert await persistence.arrivals.known({f"unknown {number}" for number in range(500)}) == []
