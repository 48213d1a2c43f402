from datetime import timedelta

import pytest

from house import a_house
from orak.application.processing.sweep_objects import UnknownDatabase
from orak.domain.identity import ObjectKey, uuid_of
from orak.domain.upload import Upload

LONG = timedelta(hours=25)
UNKNOWN_UUID = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


@pytest.fixture
def lay(house, tmp_path):
    async def lay(key: str) -> ObjectKey:
        source = tmp_path / "source"
        source.write_bytes(b"abc")
        await house.storage.publish(ObjectKey(key), source, content_type="audio/mp4")
        return ObjectKey(key)

    return lay


async def a_converted_upload(house) -> Upload:
    upload = await house.upload()
    await house.create(upload)
    await house.use_cases.process_upload(upload.id)
    return await house.row(upload)


async def keys(house) -> set[str]:
    return {found.key async for found in house.storage.list("")}


def found(report) -> set[str]:
    return {stray.key for stray in report.strays}


async def test_objects_with_a_row_stay_and_others_are_removed(house, lay):
    upload = await a_converted_upload(house)
    owned = await keys(house)
    strays = {
        await lay(f"recordings/{UNKNOWN_UUID}_take.webm"),
        await lay(f"published/{UNKNOWN_UUID}/1_take.m4a"),
        await lay(f"published/{upload.uuid}/9_take.m4a"),  # of an attempt that lost its lease
    }
    house.clock.advance(LONG)
    listed = await house.use_cases.sweep_objects(dry_run=True)
    assert (found(listed), listed.accounted) == (strays, len(owned))
    assert await keys(house) == owned | strays
    assert found(await house.use_cases.sweep_objects(dry_run=False)) == strays
    assert await keys(house) == owned
    assert found(await house.use_cases.sweep_objects(dry_run=False)) == set()


async def test_young_objects_stay(house, lay):
    await a_converted_upload(house)
    await lay(f"published/{UNKNOWN_UUID}/1_take.m4a")
    house.clock.advance(timedelta(hours=23))
    assert found(await house.use_cases.sweep_objects(dry_run=False)) == set()


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
async def test_objects_that_orak_did_not_store_stay(house, lay, key):
    await a_converted_upload(house)
    await lay(key)
    house.clock.advance(LONG)
    assert found(await house.use_cases.sweep_objects(dry_run=False)) == set()
    assert key in await keys(house)


async def test_objects_that_a_worker_may_be_writing_stay(house, lay):
    upload = await house.upload()
    await house.create(upload)
    key = await lay(f"published/{upload.uuid}/1_take.m4a")
    house.clock.advance(LONG)
    await house.persistence.leases.claim()
    assert found(await house.use_cases.sweep_objects(dry_run=False)) == set()
    assert key in await keys(house)


async def test_a_database_that_belongs_to_another_store_removes_nothing(house, lay):
    stray = await lay(f"recordings/{UNKNOWN_UUID}_take.webm")
    house.clock.advance(LONG)
    assert found(await house.use_cases.sweep_objects(dry_run=True)) == {stray}
    with pytest.raises(UnknownDatabase):
        await house.use_cases.sweep_objects(dry_run=False)
    assert await keys(house) == {stray}
    await house.use_cases.sweep_objects(dry_run=False, trust_database=True)
    assert await keys(house) == set()


async def test_more_objects_than_one_page_are_removed(house, lay):
    upload = await a_converted_upload(house)
    for number in range(1100):  # more than two pages of 500
        await lay(f"published/{upload.uuid}/{number + 10}_x.m4a")
    house.clock.advance(LONG)
    assert len((await house.use_cases.sweep_objects(dry_run=False)).strays) == 1100


async def test_the_uuid_is_read_from_each_key(house):
    upload = await a_converted_upload(house)
    assert {uuid_of(key) for key in await keys(house)} == {upload.uuid}
