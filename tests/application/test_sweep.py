from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from memory_orak import LEASE, OWNER, UnavailableStorage, a_memory_orak
from orak.application.ports.failures import Unavailable
from orak.application.subscribers.delete_objects import DeleteObjects
from orak.domain.errors import RecordNotFound, UploadNotFound
from orak.domain.identity import published_key
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.upload import NEVER
from relays import relay_to

S = ProcessingStatus


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


def sweep_with(service, *, storage):
    """Return the sweep on another storage."""
    sweep = service.use_cases.sweep
    return replace(sweep, steps=replace(sweep.steps, storage=storage))


async def test_a_lost_lease_requeues_the_upload_and_counts_as_a_failure(service):
    upload = await service.upload()
    await service.create(upload)
    await service.persistence.leases.claim()
    assert (await service.use_cases.sweep()).leases_lost == 0
    service.clock.advance(LEASE + timedelta(seconds=1))
    assert (await service.use_cases.sweep()).leases_lost == 1
    row = await service.row(upload)
    assert (row.status, row.failures) == (S.UPLOADED, 1)
    assert (service.queue.woken, service.queue.later) == (0, [row.not_before])


async def test_an_upload_that_kills_every_worker_fails(service):
    upload = await service.upload()
    await service.create(upload)
    starts = 0
    while (await service.row(upload)).status is not S.FAILED:
        service.clock.advance(timedelta(minutes=11))
        await service.use_cases.sweep()
        starts += await service.persistence.leases.claim() is not None
    assert starts == 5
    assert (await service.row(upload)).failure is FailureCode.FAILED_TOO_OFTEN


async def test_bytes_without_an_event_are_found_soon_after_their_record_was_created(service):
    upload = await service.request()
    await service.create(upload)
    await service.put_bytes(upload)
    service.clock.advance(timedelta(seconds=5))
    report = await service.use_cases.sweep()
    assert (report.received, service.queue.woken) == (1, 1)
    await service.use_cases.sweep()
    assert service.queue.woken == 1, "the sweep started what a wake-up was sent for"


async def test_checks_for_missing_bytes_become_less_frequent(service):
    upload = await service.request()
    service.clock.advance(timedelta(minutes=2))
    await service.use_cases.sweep()
    assert (await service.row(upload)).not_before >= service.clock.now() + timedelta(minutes=1)
    assert (await service.row(upload)).version == 1, "the look wrote an event"


async def test_an_upload_without_bytes_expires_and_a_late_arrival_still_counts(service):
    upload = await service.request()
    record = (await service.create(upload)).record
    service.clock.advance(timedelta(hours=1, minutes=16))
    assert (await service.use_cases.sweep()).expired == 1
    shown = await service.use_cases.get_record(OWNER, record.id)
    assert (shown.status, shown.failure) == (S.FAILED, FailureCode.UPLOAD_EXPIRED)
    await service.put_bytes(upload)
    service.clock.advance(timedelta(minutes=11))
    assert (await service.use_cases.sweep()).received == 1
    assert (await service.row(upload)).is_waiting


async def test_an_expired_upload_is_checked_rarely_even_with_a_record(service):
    upload = await service.request()
    await service.create(upload)
    service.clock.advance(timedelta(hours=2))
    await service.use_cases.sweep()
    service.clock.advance(timedelta(minutes=11))
    await service.use_cases.sweep()
    row = await service.row(upload)
    assert row.status is S.EXPIRED
    assert row.not_before == service.clock.now() + timedelta(minutes=10)


async def test_an_orphan_and_its_object_are_removed_after_the_retention(service):
    upload = await service.upload()
    service.clock.advance(timedelta(hours=23))
    assert (await service.use_cases.sweep()).orphans_removed == 0
    service.clock.advance(timedelta(hours=2))
    assert (await service.use_cases.sweep()).orphans_removed == 1
    await service.use_cases.relay_events()
    assert await service.storage.head(upload.key) is None
    with pytest.raises(UploadNotFound):
        await service.use_cases.get_upload(OWNER, upload.id)


async def test_a_deleted_record_is_gone_at_once_and_its_objects_after_the_next_relay(service):
    upload = await service.upload()
    record = (await service.create(upload)).record
    await service.use_cases.process_upload()
    await service.use_cases.delete_record(OWNER, record.id)
    with pytest.raises(RecordNotFound):
        await service.use_cases.delete_record(OWNER, record.id)
    await service.use_cases.relay_events()
    assert [stored.key async for stored in service.storage.list("")] == []


async def test_objects_that_could_not_be_deleted_are_deleted_later(service, caplog):
    upload = await service.upload()
    record = (await service.create(upload)).record
    await service.use_cases.delete_record(OWNER, record.id)
    relay = service.use_cases.relay_events
    persistence = service.persistence
    away = DeleteObjects(persistence.snapshots, UnavailableStorage(), service.clock, 2 * LEASE)
    await relay_to([away], persistence.event_log, persistence.cursors, service.clock)()
    assert "aside: the store does not answer" in caplog.text
    service.clock.advance(timedelta(seconds=5))
    await relay()
    assert await service.storage.head(upload.key) is None


async def test_a_tombstone_outlives_every_signature_and_is_purged_with_a_late_put(service):
    upload = await service.upload()
    record = (await service.create(upload)).record
    await service.use_cases.delete_record(OWNER, record.id)
    await service.use_cases.relay_events()
    service.clock.advance(timedelta(days=7))
    await service.put_bytes(upload)
    assert (await service.use_cases.sweep()).purged == 0
    service.clock.advance(timedelta(days=1, seconds=1))
    assert (await service.use_cases.sweep()).purged == 1
    assert await service.storage.head(upload.key) is None


async def test_a_put_to_a_cancelled_upload_is_deleted(service):
    upload = await service.request()
    await service.use_cases.cancel_upload(OWNER, upload.id)
    await service.put_bytes(upload)
    with pytest.raises(UploadNotFound):
        await service.use_cases.receive_upload(upload.key)
    assert await service.storage.head(upload.key) is None


class Meanwhile:
    """A port that runs another action after one of its methods and before the caller continues."""

    def __init__(self, port, method, happens) -> None:
        self._port = port
        self._method = method
        self._happens = happens

    def __getattr__(self, name):
        return self._call if name == self._method else getattr(self._port, name)

    async def _call(self, *arguments):
        answer = await getattr(self._port, self._method)(*arguments)
        await self._happens()
        return answer


async def test_an_orphan_that_gets_its_record_at_the_last_moment_is_kept(service):
    upload = await service.upload()
    service.clock.advance(timedelta(hours=25))
    arrivals = Meanwhile(service.persistence.arrivals, "orphans", lambda: service.create(upload))
    report = await replace(service.use_cases.sweep, arrivals=arrivals)()
    assert report.orphans_removed == 0
    assert (await service.row(upload)).is_waiting


async def test_a_lease_extended_at_the_last_moment_is_not_lost(service):
    upload = await service.upload()
    await service.create(upload)
    await service.persistence.leases.claim()
    service.clock.advance(LEASE * 2)
    leases = Meanwhile(
        service.persistence.leases, "lost", lambda: service.persistence.leases.extend(upload.id, 1, 10)
    )
    assert (await replace(service.use_cases.sweep, leases=leases)()).leases_lost == 0
    assert (await service.row(upload)).status is S.PROCESSING


async def test_bytes_announced_during_the_sweep_are_received_once(service, caplog):
    upload = await service.request()
    await service.create(upload)
    await service.put_bytes(upload)
    storage = Meanwhile(service.storage, "head", lambda: service.use_cases.receive_upload(upload.key))
    report = await sweep_with(service, storage=storage)()
    assert (report.received, service.queue.woken) == (1, 1)
    assert (await service.row(upload)).version == 3
    assert caplog.text == ""


async def test_a_row_that_cannot_be_moved_does_not_stop_the_others(service, caplog):
    stuck, moving = await service.request(), await service.request()
    for upload in (stuck, moving):
        await service.create(upload)
        await service.put_bytes(upload)

    class Stumbling:
        async def head(self, key):
            if key == stuck.key:
                raise RuntimeError("a bug")
            return await service.storage.head(key)

    report = await sweep_with(service, storage=Stumbling())()
    assert report.received == 1
    assert (await service.row(moving)).is_waiting
    assert f"skips upload {stuck.id}" in caplog.text
    assert (await service.row(stuck)).not_before > service.clock.now(), "the stuck row stays first in line"


async def test_an_outage_of_the_store_does_not_hide_lost_leases(service):
    upload = await service.upload()
    await service.create(upload)
    await service.persistence.leases.claim()
    await service.create(await service.request())
    service.clock.advance(LEASE * 2)
    report = await sweep_with(service, storage=UnavailableStorage())()
    assert (report.leases_lost, report.received) == (1, 0)


async def test_output_of_a_dead_attempt_is_deleted_after_the_next_one_completed(service):
    upload = await service.upload()
    await service.create(upload)
    dead = (await service.persistence.leases.claim()).upload
    key = published_key(dead.uuid, dead.attempt, dead.original_filename, "m4a")
    await service.put_bytes(structs.replace(dead, key=key), b"half a result", "audio/mp4")
    service.clock.advance(LEASE * 2)
    await service.use_cases.sweep()
    service.clock.advance(timedelta(minutes=1))
    await service.use_cases.process_upload()
    await service.use_cases.relay_events()
    row = await service.row(upload)
    assert row.attempt == 2
    assert [stored.key async for stored in service.storage.list("published/")] == sorted(
        [row.output.audio_key, row.output.waveform_key]
    )


async def test_an_unreachable_object_does_not_hide_the_others(service):
    away = [await service.request() for _ in range(4)]
    found = await service.request()
    for upload in (*away, found):
        await service.create(upload)
        await service.put_bytes(upload)
    storage = OutOfReach(service.storage, {upload.key for upload in away})
    sweep = sweep_with(service, storage=storage)
    assert (await sweep()).received == 1
    assert storage.asked == 5
    service.clock.advance(timedelta(seconds=1))
    await sweep()
    assert storage.asked == 5, "the sweep asked for unreachable objects again at once"
    service.clock.advance(timedelta(seconds=5))
    storage.keys.clear()
    assert (await sweep()).received == 4


class OutOfReach:
    """Storage with some unreachable objects."""

    def __init__(self, storage, keys) -> None:
        self._storage = storage
        self.keys = keys
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def head(self, key):
        self.asked += 1
        if key in self.keys:
            raise Unavailable("this object is out of reach")
        return await self._storage.head(key)


async def test_an_expired_upload_that_gets_its_record_at_the_last_moment_keeps_its_bytes(service):
    upload = await service.request()
    service.clock.advance(timedelta(hours=2))
    await service.use_cases.sweep()
    assert (await service.row(upload)).status is S.EXPIRED
    service.clock.advance(timedelta(days=8))

    async def arrive_and_get_a_record():
        await service.put_bytes(upload)
        await service.create(upload)

    arrivals = Meanwhile(service.persistence.arrivals, "tombstones", arrive_and_get_a_record)
    assert (await replace(service.use_cases.sweep, arrivals=arrivals)()).purged == 0
    assert await service.storage.head(upload.key) is not None
    assert (await service.row(upload)).is_waiting


async def test_output_of_a_late_attempt_is_purged_with_the_tombstone(service):
    upload = await service.upload()
    record = (await service.create(upload)).record
    late = (await service.persistence.leases.claim()).upload
    await service.use_cases.delete_record(OWNER, record.id)
    await service.use_cases.relay_events()
    key = published_key(late.uuid, late.attempt, late.original_filename, "m4a")
    await service.put_bytes(structs.replace(late, key=key), b"too late", "audio/mp4")
    service.clock.advance(timedelta(days=8, seconds=1))
    assert (await service.use_cases.sweep()).purged == 1
    assert [stored.key async for stored in service.storage.list("")] == []


async def test_bytes_are_not_checked_for_once_their_url_has_expired(service):
    upload = await service.request()
    await service.create(upload)
    service.clock.advance(timedelta(hours=2))
    await service.use_cases.sweep()
    service.clock.advance(timedelta(days=8))
    await service.use_cases.sweep()
    assert (await service.row(upload)).not_before == NEVER
