from dataclasses import replace
from datetime import timedelta

import pytest

from house import LEASE, SINGER, AwayStorage, a_house
from orak.application.events.readers import DeleteObjects
from orak.domain.errors import RecordNotFound, UploadNotFound
from orak.domain.processing import FailureCode, ProcessingStatus

S = ProcessingStatus


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


async def test_a_lost_lease_puts_the_take_back_and_counts(house):
    upload = await house.upload()
    await house.create(upload)
    await house.persistence.leases.take()
    assert (await house.use_cases.sweep()).leases_lost == 0
    house.clock.advance(LEASE + timedelta(seconds=1))
    assert (await house.use_cases.sweep()).leases_lost == 1
    row = await house.row(upload)
    assert (row.status, row.failures) == (S.UPLOADED, 1)


async def test_a_take_that_kills_its_worker_every_time_ends(house):
    upload = await house.upload()
    await house.create(upload)
    starts = 0
    while (await house.row(upload)).status is not S.FAILED:
        house.clock.advance(timedelta(minutes=11))
        await house.use_cases.sweep()
        starts += await house.persistence.leases.take() is not None
    assert starts == 5
    assert (await house.row(upload)).failure is FailureCode.FAILED_TOO_OFTEN


async def test_bytes_that_nobody_announced_are_found_once_their_take_is_named(house):
    upload = await house.request()
    await house.create(upload)
    await house.lay(upload)
    house.clock.advance(timedelta(seconds=5))
    report = await house.use_cases.sweep()
    assert (report.received, report.waiting, house.queue.woken) == (1, True, 1)


async def test_looks_for_bytes_that_do_not_come_grow_rarer(house):
    upload = await house.request()
    house.clock.advance(timedelta(minutes=2))
    await house.use_cases.sweep()
    assert (await house.row(upload)).not_before >= house.clock.now() + timedelta(minutes=1)
    assert (await house.row(upload)).version == 1, "nothing happened, so there is no fact"


async def test_an_upload_that_never_came_expires_and_a_late_one_still_counts(house):
    upload = await house.request()
    record = (await house.create(upload)).record
    house.clock.advance(timedelta(hours=1, minutes=16))
    assert (await house.use_cases.sweep()).expired == 1
    shown = await house.use_cases.get_record(SINGER, record.id)
    assert (shown.status, shown.failure) == (S.FAILED, FailureCode.UPLOAD_EXPIRED)
    await house.lay(upload)
    house.clock.advance(timedelta(minutes=11))
    assert (await house.use_cases.sweep()).received == 1
    assert (await house.row(upload)).is_waiting


async def test_an_orphan_goes_with_its_object_after_its_retention(house):
    upload = await house.upload()
    house.clock.advance(timedelta(hours=23))
    assert (await house.use_cases.sweep()).orphans_removed == 0
    house.clock.advance(timedelta(hours=2))
    assert (await house.use_cases.sweep()).orphans_removed == 1
    await house.use_cases.relay_facts()
    assert await house.storage.head(upload.key) is None
    with pytest.raises(UploadNotFound):
        await house.use_cases.get_upload(SINGER, upload.id)


async def test_a_deleted_record_is_gone_at_once_and_its_objects_by_the_next_round(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.process_upload()
    await house.use_cases.delete_record(SINGER, record.id)
    with pytest.raises(RecordNotFound):
        await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_facts()
    assert [stored.key async for stored in house.storage.list("")] == []


async def test_objects_that_could_not_be_deleted_are_not_forgotten(house, caplog):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.delete_record(SINGER, record.id)
    relay = house.use_cases.relay_facts
    await replace(relay, readers=[DeleteObjects(AwayStorage())])()
    assert "stops before position" in caplog.text
    await relay()
    assert await house.storage.head(upload.key) is None


async def test_a_tombstone_outlives_the_longest_signature_and_takes_a_late_put_with_it(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_facts()
    house.clock.advance(timedelta(days=7))
    await house.lay(upload)
    assert (await house.use_cases.sweep()).purged == 0
    house.clock.advance(timedelta(days=1, seconds=1))
    assert (await house.use_cases.sweep()).purged == 1
    assert await house.storage.head(upload.key) is None


async def test_a_put_to_a_cancelled_upload_leads_nowhere(house):
    upload = await house.request()
    await house.use_cases.cancel_upload(SINGER, upload.id)
    await house.lay(upload)
    with pytest.raises(UploadNotFound):
        await house.use_cases.receive_upload(upload.key)
    assert await house.storage.head(upload.key) is None
