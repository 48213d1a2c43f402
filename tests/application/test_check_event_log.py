"""The event log matches the tables, and old events are removed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed

from memory_orak import OWNER, a_memory_orak
from orak.domain.processing import ProcessingStatus

DAY = timedelta(days=1)


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


async def checked(service):
    replay = service.use_cases.check_event_log
    return [found async for history in replay.histories() for found in await replay.check(history)]


async def test_every_upload_can_be_rebuilt_from_its_events(service):
    for _ in range(3):
        await service.create(await service.upload())
    await service.use_cases.process_upload(None)
    await service.use_cases.cancel_upload(OWNER, (await service.request()).id)
    assert len([history async for history in service.use_cases.check_event_log.histories()]) == 4
    assert await checked(service) == []


async def test_a_change_made_in_the_tables_alone_is_found(service):
    upload = await service.upload()
    state = service.persistence.transaction.store.committed  # as an operator with a database shell would
    state.uploads[upload.id] = changed(
        state.uploads[upload.id], upload=changed(upload, status=ProcessingStatus.FAILED)
    )
    assert [(found.what, found.by_tables) for found in await checked(service)] == [("status", "FAILED")]


async def test_a_row_that_changes_while_it_is_read_is_not_reported(service):
    upload = await service.upload()
    [history] = [history async for history in service.use_cases.check_event_log.histories()]
    await service.create(upload)
    stale = changed(history, upload=changed(history.upload, version=1))
    assert await service.use_cases.check_event_log.check(stale) == []


async def test_old_events_are_removed_once_every_subscriber_is_done(service):
    for _ in range(2):
        await service.upload()
    service.clock.advance(31 * DAY)
    assert await service.use_cases.prune_events() == 0, "no subscriber has read them"
    await service.use_cases.relay_events()
    assert await service.use_cases.prune_events() == 2
    assert await checked(service) == []


async def test_recent_events_are_kept_and_without_a_retention_all_events_are(service):
    await service.upload()
    await service.use_cases.relay_events()
    service.clock.advance(29 * DAY)
    assert await service.use_cases.prune_events() == 0
    service.clock.advance(300 * DAY)
    assert await replace(service.use_cases.prune_events, retention=None)() == 0


async def test_more_events_than_one_page_are_removed_in_one_call(service):
    for _ in range(1100):  # more than one page of 1,000
        await service.upload()
    await service.use_cases.relay_events()
    service.clock.advance(31 * DAY)
    assert await service.use_cases.prune_events() == 1100
