import asyncio

from builders import SINGER, START, STRANGER, a_waiting_take, an_object, an_upload, saved
from orak.domain.events import FactType
from orak.domain.identity import UserId
from orak.domain.processing import ProcessingStatus


async def test_facts_have_no_position_until_they_are_numbered(persistence):
    await persistence.intake.add(an_upload())
    assert await persistence.facts.after(0, 9) == []
    assert await persistence.facts.number() == 1
    assert [numbered.position for numbered in await persistence.facts.after(0, 9)] == [1]
    assert await persistence.facts.number() == 0


async def test_a_fact_comes_back_as_it_was_written(persistence):
    take = await a_waiting_take(persistence)
    await persistence.facts.number()
    facts = await persistence.facts.after(0, 9)
    assert [(n.upload_id, n.version, n.fact.type) for n in facts] == [
        (take.upload.id, 1, FactType.UPLOAD_REQUESTED),
        (take.upload.id, 2, FactType.RECORD_CREATED),
        (take.upload.id, 3, FactType.UPLOAD_RECEIVED),
    ]
    last = facts[-1].fact
    assert (last.record_id, last.status, last.at) == (take.record.id, ProcessingStatus.UPLOADED, START)


async def test_a_position_is_kept_and_the_next_goes_on(persistence):
    first = await persistence.intake.add(an_upload())
    await persistence.facts.number()
    await saved(persistence, first.cancel(at=START))
    await persistence.intake.add(an_upload())
    assert await persistence.facts.number() == 2
    facts = await persistence.facts.after(0, 9)
    assert [numbered.position for numbered in facts] == [1, 2, 3]
    assert [numbered.event_id for numbered in facts] == sorted(numbered.event_id for numbered in facts)
    assert await persistence.facts.after(1, 1) == facts[1:2]
    assert await persistence.facts.after(3, 9) == []


async def test_a_reader_that_follows_many_writers_misses_nothing(persistence):
    async def live(owner):
        for _ in range(3):
            upload = await persistence.intake.add(an_upload(UserId(owner)))
            upload = await saved(persistence, upload.receive(an_object(upload), at=START))
            await saved(persistence, upload.delete(at=START))

    async def follow(seen):
        while not lives.done() or await persistence.facts.number():
            await persistence.facts.number()
            seen += await persistence.facts.after(len(seen), 5)
            await asyncio.sleep(0)
        while page := await persistence.facts.after(len(seen), 5):
            seen += page

    lives = asyncio.gather(*(live(owner) for owner in range(1, 17)))
    seen, also_seen = [], []
    await asyncio.gather(lives, follow(seen), follow(also_seen))
    assert seen == also_seen
    assert [numbered.position for numbered in seen] == list(range(1, 16 * 3 * 3 + 1))
    versions = {}
    for numbered in seen:
        versions.setdefault(numbered.upload_id, []).append(numbered.version)
    assert list(versions.values()) == [[1, 2, 3]] * 48


async def test_the_facts_of_a_purged_upload_stay(persistence):
    upload = await persistence.intake.add(an_upload())
    await saved(persistence, upload.delete(at=START))
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    assert await persistence.facts.number() == 2
    assert {numbered.upload_id for numbered in await persistence.facts.after(0, 9)} == {upload.id}


async def test_an_empty_feed_has_no_last_fact(persistence):
    await persistence.intake.add(an_upload())
    assert await persistence.facts.last() == 0


async def test_a_singer_s_own_facts_between_two_positions(persistence):
    mine = await persistence.intake.add(an_upload())
    await persistence.intake.add(an_upload(STRANGER))
    await saved(persistence, mine.cancel(at=START))
    await persistence.intake.add(an_upload())
    assert await persistence.facts.of_user(SINGER, 0, 99, 9) == []
    await persistence.facts.number()

    async def own(after, up_to, limit=9):
        return [n.position for n in await persistence.facts.of_user(SINGER, after, up_to, limit)]

    assert await own(0, 99) == [1, 3, 4]
    assert await own(1, 3) == [3]
    assert await own(0, 99, limit=2) == [1, 3]
    assert await own(4, 99) == []
    [first, *_] = await persistence.facts.of_user(SINGER, 0, 99, 9)
    assert first == (await persistence.facts.after(0, 1))[0]
