from datetime import timedelta

import pytest

from builders import START, a_waiting_record, an_upload, saved
from orak.application.ports.cursors import SetAside
from orak.domain.history import differences

DAY = timedelta(days=1)


@pytest.fixture
def log(persistence):
    return persistence.histories


async def all_histories(log):
    return await log.histories(1, await log.last_upload())


async def positions(persistence):
    await persistence.event_log.number()
    return [logged.position for logged in await persistence.event_log.after(0, 99)]


async def test_an_empty_log_has_no_histories(log):
    assert await log.last_upload() == 0
    assert await log.histories(1, 9) == []


async def test_events_are_returned_by_upload_whether_numbered_or_not(persistence, log):
    snapshot = await a_waiting_record(persistence)
    other = await persistence.intake.add(an_upload())
    first, second = await all_histories(log)
    assert [event.version for event in first.events] == [1, 2, 3]
    assert (first.upload_id, first.upload) == (snapshot.upload.id, snapshot.upload)
    assert (second.upload_id, second.upload, len(second.events)) == (other.id, other, 1)
    assert differences(first) == differences(second) == []
    assert await log.histories(other.id, other.id) == [second]
    assert await log.histories(other.id + 1, other.id + 9) == []


async def test_the_history_of_a_purged_upload_has_no_row(persistence, log):
    upload = await persistence.intake.add(an_upload())
    await saved(persistence, upload.delete(at=START))
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    assert await log.last_upload() == upload.id
    [history] = await all_histories(log)
    assert (history.upload, len(history.events)) == (None, 2)
    assert differences(history) == []


async def test_old_events_are_removed_except_the_newest_of_a_row(persistence, log):
    for _ in range(2):
        await a_waiting_record(persistence)
    assert await positions(persistence) == [1, 2, 3, 4, 5, 6]
    assert await log.forget(0, 6, START + DAY) == 4
    assert await positions(persistence) == [3, 6]
    assert await log.forget(0, 6, START + DAY) == 0
    assert [differences(history) for history in await all_histories(log)] == [[], []]


async def test_all_old_events_of_a_purged_upload_are_removed(persistence, log):
    upload = await persistence.intake.add(an_upload())
    await saved(persistence, upload.delete(at=START))
    async with persistence.transaction() as tx:
        await tx.uploads.purge(upload.id)
    await persistence.event_log.number()
    assert await log.forget(0, 2, START + DAY) == 2
    assert await positions(persistence) == []


async def test_younger_later_and_deferred_events_stay(persistence, log):
    snapshot = await a_waiting_record(persistence)
    await a_waiting_record(persistence, at=START + DAY)
    await persistence.event_log.number()
    aside = SetAside(1, snapshot.upload.id, START)
    await persistence.cursors.begin("mail", 0)
    await persistence.cursors.advance("mail", 2, [aside])
    assert await log.forget(0, 1, START + DAY) == 0
    assert await log.forget(0, 6, START + DAY) == 1
    assert await positions(persistence) == [1, 3, 4, 5, 6]


async def test_positions_continue_after_removed_events(persistence, log):
    upload = await persistence.intake.add(an_upload())
    await persistence.event_log.number()
    await saved(persistence, upload.cancel(at=START))
    await persistence.event_log.number()
    await log.forget(0, 1, START + DAY)
    await persistence.intake.add(an_upload())
    assert await positions(persistence) == [2, 3]
