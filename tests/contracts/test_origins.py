"""Which request an upload and its events follow from."""

import pytest

from builders import START, a_record, an_object, an_upload, saved
from orak.application.ports.cursors import SetAside
from orak.application.ports.record_intake import Creation
from orak.domain.origin import Origin

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ASKED = Origin("asked", TRACEPARENT)
NAMED = Origin("named", TRACEPARENT.replace("b7", "c8"))
CHANGED = Origin("changed")


@pytest.fixture
async def upload(persistence):
    return await persistence.intake.add(an_upload(origin=ASKED))


@pytest.fixture
async def waiting(persistence, upload):
    creation = Creation(a_record(upload), upload, an_object(upload), origin=NAMED)
    return (await persistence.record_intake.add(creation)).upload


async def origins(persistence):
    await persistence.event_log.number()
    return [logged.event.origin for logged in await persistence.event_log.after(0, 99)]


async def test_a_new_upload_has_the_origin_of_its_request(persistence, upload):
    assert (await persistence.snapshots.upload(upload.id)).origin == ASKED
    assert await origins(persistence) == [ASKED]


async def test_a_claim_finds_the_request_that_made_the_record(persistence, waiting):
    assert waiting.origin == NAMED
    claimed = await persistence.leases.claim()
    assert claimed.upload.origin == NAMED
    await saved(persistence, claimed.upload.release(claimed.upload.attempt, at=START))
    assert await origins(persistence) == [ASKED, *[NAMED] * 4]


async def test_a_change_has_its_own_origin_and_leaves_that_of_the_upload(persistence, waiting):
    changed = await saved(persistence, waiting.note_record_change(at=START, origin=CHANGED))
    assert await origins(persistence) == [ASKED, NAMED, NAMED, CHANGED]
    assert (await persistence.leases.claim(changed.id)).upload.origin == NAMED


async def test_every_reader_of_events_sees_their_origins(persistence, waiting):
    logged = await persistence.event_log.number() and await persistence.event_log.after(0, 99)
    assert [one.event.origin for one in logged] == [ASKED, NAMED, NAMED]
    types = {one.event.type for one in logged}
    assert (await persistence.event_log.page(0, 99, types)).events == logged
    assert await persistence.event_log.of_user(waiting.owner_id, 0, 99, 99) == logged
    [history] = await persistence.histories.histories(waiting.id, waiting.id)
    assert [one.event for one in history.events] == [one.event for one in logged]


async def test_an_upload_without_an_origin_has_none_in_its_events(persistence):
    upload = await persistence.intake.add(an_upload())
    assert (await persistence.snapshots.upload(upload.id)).origin is None
    await saved(persistence, upload.cancel(at=START))
    assert await origins(persistence) == [None, None]


async def test_origins_of_the_greatest_length_are_stored(persistence):
    longest = Origin("x" * 128, TRACEPARENT)
    upload = await persistence.intake.add(an_upload(origin=longest))
    assert (await persistence.snapshots.upload(upload.id)).origin == longest


async def test_an_event_that_was_set_aside_keeps_its_origin(persistence, upload):
    await persistence.event_log.number()
    [logged] = await persistence.event_log.after(0, 9)
    await persistence.cursors.begin("mail", 0)
    await persistence.cursors.advance("mail", 1, [SetAside(1, upload.id, START)])
    [deferred] = await persistence.cursors.deferred("mail", START, 9, in_order=False)
    assert deferred.logged == logged
    assert logged.event.origin == ASKED
