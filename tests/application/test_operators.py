"""The use cases of operators."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from memory_orak import OWNER, POLICIES, a_memory_orak
from orak.application.batch_size import BatchSize
from orak.application.ports.converter import Unconvertible
from orak.application.ports.failures import Unavailable
from orak.application.ports.page import Page
from orak.domain.actor import ADMIN
from orak.domain.errors import AdminRequired, Rejected, StateConflict, UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.processing import FailureCode, ProcessingStatus

INTERVAL = POLICIES.batch_interval
OPERATOR = structs.replace(OWNER, user_id=99, scopes=frozenset({ADMIN}))


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


async def a_dead_letter(service):
    upload = await service.upload()
    await service.create(upload)
    service.converter.errors = [Unconvertible(FailureCode.CORRUPT)]
    await service.use_cases.process_upload()
    return await service.row(upload)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("set_batch_size", [5]),
        ("trigger_batch", []),
        ("get_statistics", []),
        ("list_orphans", []),
        ("list_failures", []),
        ("retry_failure", [UploadId(1)]),
    ],
)
async def test_operator_calls_need_the_scope_admin(service, name, arguments):
    with pytest.raises(AdminRequired):
        await getattr(service.use_cases, name)(OWNER, *arguments)


class SwitchableSettings:
    """Batch settings of a database that a test can switch off."""

    def __init__(self, persistence):
        self.settings = persistence.batch_settings
        self.away = False
        self.reads = 0

    async def batch_size(self):
        self.reads += 1
        if self.away:
            raise Unavailable("the database is away")
        return await self.settings.batch_size()


@pytest.mark.parametrize("size", [None, 0, -1, 1001])
async def test_an_invalid_batch_size_is_refused(service, size):
    with pytest.raises(Rejected):
        await service.use_cases.set_batch_size(OPERATOR, size)


async def test_the_last_known_batch_size_applies_while_the_database_is_unavailable(service):
    reports = SwitchableSettings(service.persistence)
    size = BatchSize(reports, 50)
    assert await size() == 50
    await service.use_cases.set_batch_size(OPERATOR, 200)
    assert await size() == 200
    reports.away = True
    assert await size() == 200


@pytest.fixture
async def schedule(service):
    return service.use_cases.batch_schedule


async def test_a_batch_begins_at_once_and_after_each_interval(service, schedule):
    assert await schedule() == 50
    service.clock.advance(INTERVAL - timedelta(seconds=1))
    assert await schedule() is None
    service.clock.advance(timedelta(seconds=1))
    assert [await schedule(), await schedule()] == [50, None]


async def test_a_trigger_begins_one_batch_and_the_next_follows_an_interval_later(service, schedule):
    await service.use_cases.trigger_batch(OPERATOR)
    assert [await schedule(), await schedule()] == [50, None]
    service.clock.advance(INTERVAL / 2)
    await service.use_cases.trigger_batch(OPERATOR)
    assert [await schedule(), await schedule()] == [50, None]
    service.clock.advance(INTERVAL / 2)
    assert await schedule() is None
    service.clock.advance(INTERVAL / 2)
    assert await schedule() == 50


async def test_every_process_begins_a_batch_after_a_trigger(service, schedule):
    others = [replace(schedule) for _ in range(3)]
    assert [await one() for one in (schedule, *others)] == [50] * 4
    await service.use_cases.trigger_batch(OPERATOR)
    assert [await one() for one in (schedule, *others)] == [50] * 4


async def test_the_next_batch_has_the_size_that_was_set(service, schedule):
    await schedule()
    await service.use_cases.set_batch_size(OPERATOR, 1)
    service.clock.advance(INTERVAL)
    assert await schedule() == 1


async def test_a_dead_letter_is_listed_and_replayed(service):
    letter = await a_dead_letter(service)
    listed = await service.use_cases.list_failures(OPERATOR)
    assert ([found.upload for found in listed.letters], listed.next) == ([letter], None)
    again = await service.use_cases.retry_failure(OPERATOR, letter.id)
    assert (again.status, again.failures, service.started) == (ProcessingStatus.UPLOADED, 0, [letter.id] * 2)
    await service.use_cases.process_upload()
    assert (await service.row(letter)).status is ProcessingStatus.COMPLETED


async def test_a_dead_letter_whose_bytes_are_gone_cannot_be_replayed(service):
    letter = await a_dead_letter(service)
    await service.storage.delete(letter.key)
    with pytest.raises(StateConflict):
        await service.use_cases.retry_failure(OPERATOR, letter.id)


async def test_a_deleted_upload_is_no_dead_letter(service):
    letter = await a_dead_letter(service)
    await service.use_cases.delete_record(OWNER, letter.record_id)
    with pytest.raises(UploadNotFound):
        await service.use_cases.retry_failure(OPERATOR, letter.id)
    assert (await service.use_cases.list_failures(OPERATOR)).letters == []


async def test_the_wait_of_the_first_upload_in_line_is_measured(service):
    asked = await service.request()
    service.clock.advance(timedelta(minutes=9))
    await service.put_bytes(asked)
    await service.create(asked)
    service.clock.advance(timedelta(seconds=7))
    shown = await service.use_cases.get_statistics(OPERATOR)
    assert shown.metrics.oldest_waiting_seconds == pytest.approx(7, abs=1)
    await service.use_cases.process_upload()
    shown = await service.use_cases.get_statistics(OPERATOR)
    assert shown.metrics.oldest_waiting_seconds == 0


async def test_statistics_show_how_far_subscribers_are_behind(service):
    await service.request()
    await service.persistence.event_log.number()
    service.clock.advance(timedelta(seconds=7))
    [subscriber] = (await service.use_cases.get_statistics(OPERATOR)).metrics.subscribers
    assert (subscriber.lag.subscriber, subscriber.lag.behind, subscriber.seconds) == ("delete-objects", 1, 7)
    await service.use_cases.relay_events()
    [subscriber] = (await service.use_cases.get_statistics(OPERATOR)).metrics.subscribers
    assert (subscriber.lag.behind, subscriber.seconds) == (0, 0)


async def test_the_last_page_of_failures_or_orphans_has_no_next_page(service):
    letters = [await a_dead_letter(service) for _ in range(2)]
    orphans = [await service.upload() for _ in range(2)]
    service.clock.advance(timedelta(minutes=11))
    first = await service.use_cases.list_failures(OPERATOR, Page(limit=1))
    second = await service.use_cases.list_failures(OPERATOR, first.next)
    assert [page.letters[0].upload.id for page in (first, second)] == [letters[1].id, letters[0].id]
    first_orphans = await service.use_cases.list_orphans(OPERATOR, Page(limit=1))
    second_orphans = await service.use_cases.list_orphans(OPERATOR, first_orphans.next)
    assert [page.uploads[0].id for page in (first_orphans, second_orphans)] == [orphans[1].id, orphans[0].id]
    assert (second.next, second_orphans.next) == (None, None)
