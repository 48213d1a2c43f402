from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from house import LEASE, SINGER, AwayStorage, a_house
from orak.application.ports.failures import Unavailable
from orak.application.subscribers.delete_objects import DeleteObjects
from orak.domain.errors import RecordNotFound, UploadNotFound
from orak.domain.identity import published_key
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.upload import NEVER
from relays import relay_to

S = ProcessingStatus


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


def sweep_with(house, *, storage):
    """Return the sweep on another storage."""
    sweep = house.use_cases.sweep
    return replace(sweep, steps=replace(sweep.steps, storage=storage))


async def test_a_lost_lease_puts_the_upload_back_and_counts(house):
    upload = await house.upload()
    await house.create(upload)
    await house.persistence.leases.claim()
    assert (await house.use_cases.sweep()).leases_lost == 0
    house.clock.advance(LEASE + timedelta(seconds=1))
    assert (await house.use_cases.sweep()).leases_lost == 1
    row = await house.row(upload)
    assert (row.status, row.failures) == (S.UPLOADED, 1)


async def test_an_upload_that_kills_every_worker_fails(house):
    upload = await house.upload()
    await house.create(upload)
    starts = 0
    while (await house.row(upload)).status is not S.FAILED:
        house.clock.advance(timedelta(minutes=11))
        await house.use_cases.sweep()
        starts += await house.persistence.leases.claim() is not None
    assert starts == 5
    assert (await house.row(upload)).failure is FailureCode.FAILED_TOO_OFTEN


async def test_unannounced_bytes_are_found_soon_after_their_record_was_made(house):
    upload = await house.request()
    await house.create(upload)
    await house.lay(upload)
    house.clock.advance(timedelta(seconds=5))
    report = await house.use_cases.sweep()
    assert (report.received, report.waiting, house.queue.woken) == (1, True, 1)


async def test_looks_for_missing_bytes_grow_rarer(house):
    upload = await house.request()
    house.clock.advance(timedelta(minutes=2))
    await house.use_cases.sweep()
    assert (await house.row(upload)).not_before >= house.clock.now() + timedelta(minutes=1)
    assert (await house.row(upload)).version == 1, "the look wrote an event"


async def test_an_upload_without_bytes_expires_and_a_late_arrival_still_counts(house):
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


async def test_an_expired_upload_is_looked_for_rarely_even_with_a_record(house):
    upload = await house.request()
    await house.create(upload)
    house.clock.advance(timedelta(hours=2))
    await house.use_cases.sweep()
    house.clock.advance(timedelta(minutes=11))
    await house.use_cases.sweep()
    row = await house.row(upload)
    assert row.status is S.EXPIRED
    assert row.not_before == house.clock.now() + timedelta(minutes=10)


async def test_an_orphan_and_its_object_are_removed_after_the_retention(house):
    upload = await house.upload()
    house.clock.advance(timedelta(hours=23))
    assert (await house.use_cases.sweep()).orphans_removed == 0
    house.clock.advance(timedelta(hours=2))
    assert (await house.use_cases.sweep()).orphans_removed == 1
    await house.use_cases.relay_events()
    assert await house.storage.head(upload.key) is None
    with pytest.raises(UploadNotFound):
        await house.use_cases.get_upload(SINGER, upload.id)


async def test_a_deleted_record_is_gone_at_once_and_its_objects_after_the_next_relay(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.process_upload()
    await house.use_cases.delete_record(SINGER, record.id)
    with pytest.raises(RecordNotFound):
        await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_events()
    assert [stored.key async for stored in house.storage.list("")] == []


async def test_objects_that_could_not_be_deleted_are_deleted_later(house, caplog):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.delete_record(SINGER, record.id)
    relay = house.use_cases.relay_events
    persistence, away = house.persistence, DeleteObjects(AwayStorage(), house.clock, 2 * LEASE)
    await relay_to([away], persistence.event_log, persistence.cursors, house.clock)()
    assert "aside: the store is away" in caplog.text
    house.clock.advance(timedelta(seconds=5))
    await relay()
    assert await house.storage.head(upload.key) is None


async def test_a_tombstone_outlives_every_signature_and_is_purged_with_a_late_put(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_events()
    house.clock.advance(timedelta(days=7))
    await house.lay(upload)
    assert (await house.use_cases.sweep()).purged == 0
    house.clock.advance(timedelta(days=1, seconds=1))
    assert (await house.use_cases.sweep()).purged == 1
    assert await house.storage.head(upload.key) is None


async def test_a_put_to_a_cancelled_upload_is_deleted(house):
    upload = await house.request()
    await house.use_cases.cancel_upload(SINGER, upload.id)
    await house.lay(upload)
    with pytest.raises(UploadNotFound):
        await house.use_cases.receive_upload(upload.key)
    assert await house.storage.head(upload.key) is None


class Meanwhile:
    """A port with a method after whose answer something else happens first."""

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


async def test_an_orphan_that_gets_its_record_at_the_last_moment_stays(house):
    upload = await house.upload()
    house.clock.advance(timedelta(hours=25))
    arrivals = Meanwhile(house.persistence.arrivals, "orphans", lambda: house.create(upload))
    report = await replace(house.use_cases.sweep, arrivals=arrivals)()
    assert report.orphans_removed == 0
    assert (await house.row(upload)).is_waiting


async def test_a_lease_extended_at_the_last_moment_is_not_lost(house):
    upload = await house.upload()
    await house.create(upload)
    await house.persistence.leases.claim()
    house.clock.advance(LEASE * 2)
    leases = Meanwhile(
        house.persistence.leases, "lost", lambda: house.persistence.leases.extend(upload.id, 1, 10)
    )
    assert (await replace(house.use_cases.sweep, leases=leases)()).leases_lost == 0
    assert (await house.row(upload)).status is S.PROCESSING


async def test_bytes_announced_during_the_sweep_are_received_once(house, caplog):
    upload = await house.request()
    await house.create(upload)
    await house.lay(upload)
    storage = Meanwhile(house.storage, "head", lambda: house.use_cases.receive_upload(upload.key))
    report = await sweep_with(house, storage=storage)()
    assert report.waiting
    assert (await house.row(upload)).version == 3
    assert caplog.text == ""


async def test_a_row_that_cannot_be_moved_does_not_stop_the_others(house, caplog):
    stuck, moving = await house.request(), await house.request()
    for upload in (stuck, moving):
        await house.create(upload)
        await house.lay(upload)

    class Stumbling:
        async def head(self, key):
            if key == stuck.key:
                raise RuntimeError("a bug")
            return await house.storage.head(key)

    report = await sweep_with(house, storage=Stumbling())()
    assert report.received == 1
    assert (await house.row(moving)).is_waiting
    assert f"skips upload {stuck.id}" in caplog.text
    assert (await house.row(stuck)).not_before > house.clock.now(), "the stuck row stays first in line"


async def test_an_outage_of_the_store_does_not_hide_lost_leases(house):
    upload = await house.upload()
    await house.create(upload)
    await house.persistence.leases.claim()
    await house.create(await house.request())
    house.clock.advance(LEASE * 2)
    report = await sweep_with(house, storage=AwayStorage())()
    assert (report.leases_lost, report.received) == (1, 0)


async def test_output_of_a_dead_attempt_is_deleted_after_the_next_one_completed(house):
    upload = await house.upload()
    await house.create(upload)
    dead = (await house.persistence.leases.claim()).upload
    key = published_key(dead.uuid, dead.attempt, dead.original_filename, "m4a")
    await house.lay(structs.replace(dead, key=key), b"half a result", "audio/mp4")
    house.clock.advance(LEASE * 2)
    await house.use_cases.sweep()
    house.clock.advance(timedelta(minutes=1))
    await house.use_cases.process_upload()
    await house.use_cases.relay_events()
    row = await house.row(upload)
    assert row.attempt == 2
    assert [stored.key async for stored in house.storage.list("published/")] == sorted(
        [row.output.audio_key, row.output.waveform_key]
    )


async def test_an_unreachable_object_does_not_hide_the_others(house):
    away = [await house.request() for _ in range(4)]
    found = await house.request()
    for upload in (*away, found):
        await house.create(upload)
        await house.lay(upload)
    storage = OutOfReach(house.storage, {upload.key for upload in away})
    sweep = sweep_with(house, storage=storage)
    assert (await sweep()).received == 1
    assert storage.asked == 5
    house.clock.advance(timedelta(seconds=1))
    await sweep()
    assert storage.asked == 5, "unreachable objects were asked for again at once"
    house.clock.advance(timedelta(seconds=5))
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


async def test_an_expired_upload_that_gets_its_record_at_the_last_moment_keeps_its_bytes(house):
    upload = await house.request()
    house.clock.advance(timedelta(hours=2))
    await house.use_cases.sweep()
    assert (await house.row(upload)).status is S.EXPIRED
    house.clock.advance(timedelta(days=8))

    async def arrive_and_get_a_record():
        await house.lay(upload)
        await house.create(upload)

    arrivals = Meanwhile(house.persistence.arrivals, "tombstones", arrive_and_get_a_record)
    assert (await replace(house.use_cases.sweep, arrivals=arrivals)()).purged == 0
    assert await house.storage.head(upload.key) is not None
    assert (await house.row(upload)).is_waiting


async def test_output_of_a_late_attempt_is_purged_with_the_tombstone(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    late = (await house.persistence.leases.claim()).upload
    await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_events()
    key = published_key(late.uuid, late.attempt, late.original_filename, "m4a")
    await house.lay(structs.replace(late, key=key), b"too late", "audio/mp4")
    house.clock.advance(timedelta(days=8, seconds=1))
    assert (await house.use_cases.sweep()).purged == 1
    assert [stored.key async for stored in house.storage.list("")] == []


async def test_bytes_that_no_url_can_bring_any_more_are_not_looked_for(house):
    upload = await house.request()
    await house.create(upload)
    house.clock.advance(timedelta(hours=2))
    await house.use_cases.sweep()
    house.clock.advance(timedelta(days=8))
    await house.use_cases.sweep()
    assert (await house.row(upload)).not_before == NEVER
