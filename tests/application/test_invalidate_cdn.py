"""A CDN drops its copies of a deleted record, whatever stands in the way."""

from datetime import timedelta

import pytest

from memory_orak import OWNER, UnavailableStorage, a_memory_orak
from orak.application.ports.failures import Unavailable
from orak.application.subscribers.invalidate_cdn import InvalidateCdn
from orak.domain.policies.retention import TOMBSTONE_AGE
from relays import relay_to


class Cdn:
    """Records the keys that it dropped, and whether their objects were still stored then."""

    def __init__(self):
        self.works = True
        self.calls = []
        self.references = []

    async def invalidate(self, keys, reference):
        self.references.append(reference)
        if not self.works:
            raise Unavailable("the CDN does not answer")
        self.calls.append(sorted(keys))


@pytest.fixture
def cdn():
    return Cdn()


@pytest.fixture
async def service(cdn):
    async with a_memory_orak(cdn_cache=cdn) as service:
        await service.use_cases.relay_events.begin()
        yield service


async def a_published_record(service):
    upload = await service.upload()
    record = (await service.create(upload)).record
    assert await service.use_cases.process_upload()
    return record, (await service.row(upload)).output


async def let_everything_settle(service):
    for _ in range(4):
        await service.use_cases.relay_events()
        service.clock.advance(timedelta(minutes=10))


async def test_deleted_renditions_are_invalidated_by_one_call_and_others_are_not(service, cdn):
    made = [await a_published_record(service) for _ in range(3)]
    await service.use_cases.relay_events()
    assert cdn.calls == []
    for record, _ in made[:2]:
        await service.use_cases.delete_record(OWNER, record.id)
    await let_everything_settle(service)
    dropped = [key for _, output in made[:2] for key in (output.audio_key, output.waveform_key)]
    assert cdn.calls == [sorted(dropped)]


async def test_a_copy_is_dropped_only_after_its_object_is_gone(service, cdn):
    record, output = await a_published_record(service)
    await service.use_cases.delete_record(OWNER, record.id)
    persistence, storage = service.persistence, service.storage
    relaying = relay_to(
        [InvalidateCdn(persistence.snapshots, storage, cdn)],
        persistence.event_log,
        persistence.cursors,
        service.clock,
    )
    assert await relaying() == 0
    await storage.delete(output.audio_key)
    service.clock.advance(timedelta(hours=1))
    assert await relaying() == 0, "the waveform is still stored"
    await storage.delete(output.waveform_key)
    service.clock.advance(timedelta(hours=1))
    assert await relaying() == 1
    assert cdn.calls == [sorted([output.audio_key, output.waveform_key])]


async def test_an_outage_of_the_cdn_or_the_store_loses_no_invalidation(service, cdn):
    record, output = await a_published_record(service)
    await service.use_cases.delete_record(OWNER, record.id)
    cdn.works = False
    await let_everything_settle(service)
    assert await service.storage.head(output.audio_key) is None, "the outage held back the deletion"
    cdn.works = True
    down = InvalidateCdn(service.persistence.snapshots, UnavailableStorage(), cdn)
    log, cursors = service.persistence.event_log, service.persistence.cursors
    await relay_to([down], log, cursors, service.clock)()
    assert cdn.calls == []
    service.clock.advance(timedelta(hours=1))
    await let_everything_settle(service)
    assert cdn.calls == [sorted([output.audio_key, output.waveform_key])]


async def test_only_a_repeated_invalidation_has_the_reference_of_an_earlier_one(service, cdn):
    for works in (False, True, True):
        record, _ = await a_published_record(service)
        await service.use_cases.delete_record(OWNER, record.id)
        cdn.works = works
        await let_everything_settle(service)
        if not works:
            tried = set(cdn.references)
            assert len(tried) == 1
            cdn.works = True
            await let_everything_settle(service)
            assert set(cdn.references) == tried
            cdn.references = [*tried]
    assert len(cdn.calls) == len(set(cdn.references)) == 3


async def test_after_an_outage_that_outlived_the_row_the_folder_is_invalidated(service, cdn):
    record, output = await a_published_record(service)
    await service.use_cases.delete_record(OWNER, record.id)
    cdn.works = False
    await let_everything_settle(service)
    service.clock.advance(TOMBSTONE_AGE + timedelta(hours=1))
    await service.use_cases.sweep()
    cdn.works = True
    await let_everything_settle(service)
    assert cdn.calls == [[f"{output.audio_key.rpartition('/')[0]}/*"]]


async def test_a_record_that_was_never_converted_has_nothing_to_invalidate(service, cdn):
    record = (await service.create(await service.upload())).record
    await service.use_cases.delete_record(OWNER, record.id)
    await let_everything_settle(service)
    assert cdn.calls == []
    [lag] = await service.persistence.cursors.lags(["invalidate-cdn"], service.clock.now())
    assert (lag.behind, lag.deferred) == (0, 0)
