"""Bytes that the process stores itself are handled like any other arrival."""

import pytest

from memory_orak import OTHER_USER, OWNER, a_memory_orak
from orak.domain.errors import PermissionDenied, StateConflict, UploadNotFound
from orak.domain.processing import ProcessingStatus

S = ProcessingStatus


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "take.webm"
    path.write_bytes(b"abc")
    return path


async def test_stored_bytes_are_verified(service, source):
    upload = await service.request()
    stored = await service.use_cases.store_upload(OWNER, upload.id, source)
    assert (stored.status, stored.etag is not None) == (S.UPLOADED, True)
    assert service.started == []


async def test_storing_bytes_starts_the_waiting_conversion(service, source):
    upload = await service.request()
    await service.create(upload)
    await service.use_cases.store_upload(OWNER, upload.id, source)
    assert service.started == [upload.id]


async def test_only_the_owner_stores_bytes_and_only_once(service, source):
    upload = await service.request()
    with pytest.raises(PermissionDenied):
        await service.use_cases.store_upload(OTHER_USER, upload.id, source)
    await service.use_cases.store_upload(OWNER, upload.id, source)
    with pytest.raises(StateConflict):
        await service.use_cases.store_upload(OWNER, upload.id, source)


async def test_bytes_of_an_upload_cancelled_during_the_put_are_deleted(service, source):
    upload = await service.request()
    publish = service.storage.publish

    async def cancel_meanwhile(*arguments, **options):
        await service.use_cases.cancel_upload(OWNER, upload.id)
        await service.use_cases.relay_events()
        await publish(*arguments, **options)

    service.storage.publish = cancel_meanwhile
    with pytest.raises(UploadNotFound):
        await service.use_cases.store_upload(OWNER, upload.id, source)
    assert await service.storage.head(upload.key) is None
