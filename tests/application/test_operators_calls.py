"""What operators ask and set."""

import pytest
from msgspec import structs

from house import SINGER, a_house
from orak.application.operations.batch_size import BatchSize
from orak.application.ports.audio import Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.actor import ADMIN
from orak.domain.errors import AdminRequired, Rejected, StateConflict, UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.processing import FailureCode, ProcessingStatus

OPERATOR = structs.replace(SINGER, user_id=99, scopes=frozenset({ADMIN}))


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


async def a_dead_letter(house):
    upload = await house.upload()
    await house.create(upload)
    house.converter.errors = [Unconvertible(FailureCode.CORRUPT)]
    await house.use_cases.process_upload()
    return await house.row(upload)


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
async def test_operators_calls_are_for_operators(house, name, arguments):
    with pytest.raises(AdminRequired):
        await getattr(house.use_cases, name)(SINGER, *arguments)


@pytest.mark.parametrize("size", [None, 0, -1, 1001])
async def test_a_size_that_is_none_is_refused(house, size):
    with pytest.raises(Rejected):
        await house.use_cases.set_batch_size(OPERATOR, size)


async def test_a_batch_has_the_size_that_was_set_last_even_while_the_database_is_away(house):
    class Operations:
        away = False

        async def batch_size(self):
            if self.away:
                raise Unavailable("the database is away")
            return await house.persistence.operations.batch_size()

    operations = Operations()
    size = BatchSize(operations, 50)
    assert await size() == 50
    await house.use_cases.set_batch_size(OPERATOR, 200)
    assert await size() == 200
    operations.away = True
    assert await size() == 200


async def test_a_dead_letter_is_listed_and_replayed(house):
    letter = await a_dead_letter(house)
    listed = await house.use_cases.list_failures(OPERATOR)
    assert (listed.uploads, listed.next) == ([letter], None)
    again = await house.use_cases.retry_failure(OPERATOR, letter.id)
    assert (again.status, again.failures, house.started) == (ProcessingStatus.UPLOADED, 0, [letter.id] * 2)
    await house.use_cases.process_upload()
    assert (await house.row(letter)).status is ProcessingStatus.COMPLETED


async def test_a_dead_letter_without_its_bytes_stays_dead(house):
    letter = await a_dead_letter(house)
    await house.storage.delete(letter.key)
    with pytest.raises(StateConflict):
        await house.use_cases.retry_failure(OPERATOR, letter.id)


async def test_a_deleted_upload_is_no_letter(house):
    letter = await a_dead_letter(house)
    await house.use_cases.delete_record(SINGER, letter.record_id)
    with pytest.raises(UploadNotFound):
        await house.use_cases.retry_failure(OPERATOR, letter.id)
    assert (await house.use_cases.list_failures(OPERATOR)).uploads == []


async def test_a_trigger_wakes_a_worker(house):
    await house.use_cases.trigger_batch(OPERATOR)
    assert house.queue.woken == 1
