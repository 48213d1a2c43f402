"""Bytes stored from within the process are handled like any other arrival."""

import pytest

from house import SINGER, STRANGER, a_house
from orak.domain.errors import PermissionDenied, StateConflict, UploadNotFound
from orak.domain.processing import ProcessingStatus

S = ProcessingStatus


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "take.webm"
    path.write_bytes(b"abc")
    return path


async def test_stored_bytes_are_verified(house, source):
    upload = await house.request()
    stored = await house.use_cases.store_upload(SINGER, upload.id, source)
    assert (stored.status, stored.etag is not None) == (S.UPLOADED, True)
    assert house.started == []


async def test_storing_bytes_starts_the_waiting_conversion(house, source):
    upload = await house.request()
    await house.create(upload)
    await house.use_cases.store_upload(SINGER, upload.id, source)
    assert house.started == [upload.id]


async def test_only_the_owner_stores_bytes_and_only_once(house, source):
    upload = await house.request()
    with pytest.raises(PermissionDenied):
        await house.use_cases.store_upload(STRANGER, upload.id, source)
    await house.use_cases.store_upload(SINGER, upload.id, source)
    with pytest.raises(StateConflict):
        await house.use_cases.store_upload(SINGER, upload.id, source)


async def test_bytes_of_an_upload_cancelled_meanwhile_do_not_stay(house, source):
    upload = await house.request()
    publish = house.storage.publish

    async def cancel_meanwhile(*arguments, **options):
        await house.use_cases.cancel_upload(SINGER, upload.id)
        await house.use_cases.relay_events()
        await publish(*arguments, **options)

    house.storage.publish = cancel_meanwhile
    with pytest.raises(UploadNotFound):
        await house.use_cases.store_upload(SINGER, upload.id, source)
    assert await house.storage.head(upload.key) is None
