from datetime import timedelta

import pytest

from memory_orak import a_memory_orak
from orak.application.processing.sweep_objects import UnknownDatabase
from orak.domain.identity import ObjectKey, uuid_of
from orak.domain.upload import Upload

LONG = timedelta(hours=25)
UNKNOWN_UUID = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
def put_object(service, tmp_path):
    async def put_object(key: str) -> ObjectKey:
        source = tmp_path / "source"
        source.write_bytes(b"abc")
        await service.storage.publish(ObjectKey(key), source, content_type="audio/mp4")
        return ObjectKey(key)

    return put_object


async def a_converted_upload(service) -> Upload:
    upload = await service.upload()
    await service.create(upload)
    await service.use_cases.process_upload(upload.id)
    return await service.row(upload)


async def keys(service) -> set[str]:
    return {found.key async for found in service.storage.list("")}


def found(report) -> set[str]:
    return {stray.key for stray in report.strays}


async def test_objects_with_a_row_are_kept_and_others_are_removed(service, put_object):
    upload = await a_converted_upload(service)
    owned = await keys(service)
    strays = {
        await put_object(f"recordings/{UNKNOWN_UUID}_take.webm"),
        await put_object(f"published/{UNKNOWN_UUID}/1_take.m4a"),
        await put_object(f"published/{upload.uuid}/9_take.m4a"),  # of an attempt that lost its lease
    }
    service.clock.advance(LONG)
    listed = await service.use_cases.sweep_objects(dry_run=True)
    assert (found(listed), listed.accounted) == (strays, len(owned))
    assert await keys(service) == owned | strays
    assert found(await service.use_cases.sweep_objects(dry_run=False)) == strays
    assert await keys(service) == owned
    assert found(await service.use_cases.sweep_objects(dry_run=False)) == set()


async def test_recent_objects_are_kept(service, put_object):
    await a_converted_upload(service)
    await put_object(f"published/{UNKNOWN_UUID}/1_take.m4a")
    service.clock.advance(timedelta(hours=23))
    assert found(await service.use_cases.sweep_objects(dry_run=False)) == set()


@pytest.mark.parametrize(
    "key",
    [
        "backups/orak.db",
        "recordings/by-hand.webm",
        "published/logo.png",
        f"published/{UNKNOWN_UUID}/logo.png",
        "x",
    ],
)
async def test_objects_that_orak_did_not_store_are_kept(service, put_object, key):
    await a_converted_upload(service)
    await put_object(key)
    service.clock.advance(LONG)
    assert found(await service.use_cases.sweep_objects(dry_run=False)) == set()
    assert key in await keys(service)


async def test_objects_that_a_worker_may_be_writing_are_kept(service, put_object):
    upload = await service.upload()
    await service.create(upload)
    key = await put_object(f"published/{upload.uuid}/1_take.m4a")
    service.clock.advance(LONG)
    await service.persistence.leases.claim()
    assert found(await service.use_cases.sweep_objects(dry_run=False)) == set()
    assert key in await keys(service)


async def test_no_object_is_removed_if_the_database_belongs_to_another_store(service, put_object):
    stray = await put_object(f"recordings/{UNKNOWN_UUID}_take.webm")
    service.clock.advance(LONG)
    assert found(await service.use_cases.sweep_objects(dry_run=True)) == {stray}
    with pytest.raises(UnknownDatabase):
        await service.use_cases.sweep_objects(dry_run=False)
    assert await keys(service) == {stray}
    await service.use_cases.sweep_objects(dry_run=False, trust_database=True)
    assert await keys(service) == set()


async def test_more_objects_than_one_page_are_removed(service, put_object):
    upload = await a_converted_upload(service)
    for number in range(1100):  # more than two pages of 500
        await put_object(f"published/{upload.uuid}/{number + 10}_x.m4a")
    service.clock.advance(LONG)
    assert len((await service.use_cases.sweep_objects(dry_run=False)).strays) == 1100


async def test_the_uuid_is_read_from_each_key(service):
    upload = await a_converted_upload(service)
    assert {uuid_of(key) for key in await keys(service)} == {upload.uuid}
