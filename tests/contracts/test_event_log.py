import asyncio

from builders import OTHER_USER, OWNER, START, a_waiting_record, an_object, an_upload, saved
from orak.application.ports.event_log import EventPage
from orak.domain.events import EventType
from orak.domain.identity import UserId
from orak.domain.processing import ProcessingStatus


async def test_events_have_no_position_until_they_are_numbered(persistence):
    await persistence.intake.add(an_upload())
    assert await persistence.event_log.after(0, 9) == []
    assert await persistence.event_log.number() == 1
    assert [logged.position for logged in await persistence.event_log.after(0, 9)] == [1]
    assert await persistence.event_log.number() == 0


async def test_an_event_comes_back_as_it_was_written(persistence):
    snapshot = await a_waiting_record(persistence)
    await persistence.event_log.number()
    events = await persistence.event_log.after(0, 9)
    assert [(n.upload_id, n.version, n.event.type) for n in events] == [
        (snapshot.upload.id, 1, EventType.UPLOAD_REQUESTED),
        (snapshot.upload.id, 2, EventType.RECORD_CREATED),
        (snapshot.upload.id, 3, EventType.UPLOAD_RECEIVED),
    ]
    last = events[-1].event
    assert (last.record_id, last.status, last.at) == (snapshot.record.id, ProcessingStatus.UPLOADED, START)


async def test_a_position_is_kept_and_the_next_follows_it(persistence):
    first = await persistence.intake.add(an_upload())
    await persistence.event_log.number()
    await saved(persistence, first.cancel(at=START))
    await persistence.intake.add(an_upload())
    assert await persistence.event_log.number() == 2
    events = await persistence.event_log.after(0, 9)
    assert [logged.position for logged in events] == [1, 2, 3]
    assert [logged.event_id for logged in events] == sorted(logged.event_id for logged in events)
    assert await persistence.event_log.after(1, 1) == events[1:2]
    assert await persistence.event_log.after(3, 9) == []


async def test_a_page_holds_the_events_of_some_types_and_passes_over_the_others(persistence):
    uploads = [await persistence.intake.add(an_upload()) for _ in range(3)]
    for upload in uploads[:2]:
        await saved(persistence, upload.cancel(at=START))
    await persistence.event_log.number()
    events = await persistence.event_log.after(0, 9)

    async def page(position, limit=9, *types):
        return await persistence.event_log.page(position, limit, frozenset(types))

    requested, cancelled = EventType.UPLOAD_REQUESTED, EventType.UPLOAD_CANCELLED
    assert await page(0, 9, requested, cancelled) == EventPage(events, 5, is_last=True)
    assert await page(0, 9, cancelled) == EventPage(events[3:], 5, is_last=True)
    assert await page(0, 1, cancelled) == EventPage(events[3:4], 4, is_last=False)
    assert await page(3, 9, requested) == EventPage([], 5, is_last=True)
    assert await page(0, 9, EventType.RECORD_DELETED) == EventPage([], 5, is_last=True)
    assert await page(5, 9, requested) == EventPage([], 5, is_last=True)


async def test_unnumbered_events_are_in_no_page(persistence):
    await persistence.intake.add(an_upload())
    await persistence.event_log.number()
    await persistence.intake.add(an_upload())
    page = await persistence.event_log.page(0, 9, frozenset(EventType))
    assert ([logged.position for logged in page.events], page.end, page.is_last) == ([1], 1, True)


async def test_a_subscriber_that_follows_many_writers_misses_nothing(persistence):
    async def live(owner):
        for _ in range(3):
            upload = await persistence.intake.add(an_upload(UserId(owner)))
            upload = await saved(persistence, upload.receive(an_object(upload), at=START))
            await saved(persistence, upload.delete(at=START))

    async def follow(seen):
        while not lives.done() or await persistence.event_log.number():
            await persistence.event_log.number()
            seen += await persistence.event_log.after(len(seen), 5)
            await asyncio.sleep(0)
        while page := await persistence.event_log.after(len(seen), 5):
            seen += page

    lives = asyncio.gather(*(live(owner) for owner in range(1, 17)))
    seen, also_seen = [], []
    await asyncio.gather(lives, follow(seen), follow(also_seen))
    assert seen == also_seen
    assert [logged.position for logged in seen] == list(range(1, 16 * 3 * 3 + 1))
    versions = {}
    for logged in seen:
        versions.setdefault(logged.upload_id, []).append(logged.version)
    assert list(versions.values()) == [[1, 2, 3]] * 48


async def test_the_events_of_a_purged_upload_stay(persistence):
    upload = await persistence.intake.add(an_upload())
    await saved(persistence, upload.delete(at=START))
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    assert await persistence.event_log.number() == 2
    assert {logged.upload_id for logged in await persistence.event_log.after(0, 9)} == {upload.id}


async def test_an_empty_log_has_no_last_event(persistence):
    await persistence.intake.add(an_upload())
    assert await persistence.event_log.last() == 0


async def test_the_events_of_one_user_between_two_positions_are_returned(persistence):
    mine = await persistence.intake.add(an_upload())
    await persistence.intake.add(an_upload(OTHER_USER))
    await saved(persistence, mine.cancel(at=START))
    await persistence.intake.add(an_upload())
    assert await persistence.event_log.of_user(OWNER, 0, 99, 9) == []
    await persistence.event_log.number()

    async def own(after, up_to, limit=9):
        return [n.position for n in await persistence.event_log.of_user(OWNER, after, up_to, limit)]

    assert await own(0, 99) == [1, 3, 4]
    assert await own(1, 3) == [3]
    assert await own(0, 99, limit=2) == [1, 3]
    assert await own(4, 99) == []
    [first, *_] = await persistence.event_log.of_user(OWNER, 0, 99, 9)
    assert first == (await persistence.event_log.after(0, 1))[0]
