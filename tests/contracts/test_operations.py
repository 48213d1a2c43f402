from datetime import timedelta

from builders import START, STRANGER, a_waiting_take, an_object, an_upload, saved
from orak.application.ports.operations import Counts
from orak.application.ports.persistence import Page
from orak.domain.processing import FailureCode

MINUTE = timedelta(minutes=1)


async def failed(persistence, owner=STRANGER):
    take = await a_waiting_take(persistence, owner)
    leased = (await persistence.leases.take(take.upload.id)).upload
    return await saved(persistence, leased.fail(leased.attempt, FailureCode.CORRUPT, at=START))


async def unnamed(persistence, at=START):
    upload = await persistence.intake.add(an_upload(at=at))
    return await saved(persistence, upload.receive(an_object(upload), at=at))


async def test_an_empty_house_counts_nothing(persistence):
    assert await persistence.operations.count(START, START) == Counts(0, 0, 0, 0, 0, 0, None)


async def test_uploads_are_counted_where_they_stand(persistence, clock):
    await a_waiting_take(persistence, at=START - 2 * MINUTE)
    await a_waiting_take(persistence)
    for _ in range(2):
        await persistence.leases.take((await a_waiting_take(persistence)).upload.id)
    await failed(persistence)
    await unnamed(persistence, at=START - MINUTE)
    await unnamed(persistence)
    await persistence.intake.add(an_upload())
    counts = await persistence.operations.count(START, START)
    assert counts == Counts(
        active=2,
        waiting=2,
        processing=2,
        failed=1,
        completed=0,
        orphans=1,
        oldest_waiting=START - 2 * MINUTE,
    )
    clock.advance(MINUTE)
    assert (await persistence.operations.count(clock.now(), START)).active == 0


async def test_failures_come_newest_first_and_page_by_page(persistence):
    letters = [await failed(persistence) for _ in range(3)]
    await a_waiting_take(persistence)
    assert await persistence.operations.failures(Page()) == letters[::-1]
    assert await persistence.operations.failures(Page(limit=1)) == letters[2:]
    assert await persistence.operations.failures(Page(after=letters[2].id, limit=1)) == letters[1:2]


async def test_orphans_come_newest_first_and_page_by_page(persistence):
    orphans = [await unnamed(persistence) for _ in range(3)]
    await unnamed(persistence, at=START + MINUTE)
    await a_waiting_take(persistence)
    before = START + MINUTE
    assert await persistence.operations.orphans(before, Page()) == orphans[::-1]
    assert await persistence.operations.orphans(before, Page(after=orphans[1].id)) == orphans[:1]


async def test_the_size_of_a_batch_is_kept(persistence):
    assert await persistence.operations.batch_size() is None
    for size in (200, 1):
        await persistence.operations.set_batch_size(size)
        assert await persistence.operations.batch_size() == size
