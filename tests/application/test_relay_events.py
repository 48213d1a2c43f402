"""Every subscriber receives its events, even if another one fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from msgspec import structs

from memory_orak import LEASE, OWNER, a_memory_orak
from orak.application.event_backlog import EventBacklog
from orak.application.events.follow_events import FollowEvents
from orak.application.events.relay_events import RelayEvents
from orak.application.ports.failures import Unavailable
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.application.subscribers.delete_objects import DeleteObjects
from orak.domain.events import EventType
from orak.domain.identity import published_key
from relays import relay_to


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


class Failing:
    """A subscriber that fails at given events, a given number of times."""

    in_order = False
    begins = StartPosition.FIRST
    longest_rest = timedelta(seconds=8)

    def __init__(self, failures: dict[int, int] | None = None, *, name: str = "failing") -> None:
        self.failures = failures or {}
        self.name = name
        self.works = True
        self.types = frozenset(EventType)
        self.read_positions: list[int] = []
        self.tried = 0

    async def event_types(self):
        return self.types

    async def read(self, page) -> PageOutcome:
        self.tried += 1
        if not self.works:
            raise Unavailable("nothing works")
        failed, stuck = set(), set()
        for logged in page:
            if self.failures.get(logged.position) or (self.in_order and logged.upload_id in stuck):
                self.failures[logged.position] = self.failures.get(logged.position, 1) - 1
                stuck.add(logged.upload_id)
                failed.add(logged.position)
            else:
                self.read_positions.append(logged.position)
        return PageOutcome(failed)


class InOrder(Failing):
    in_order = True


class Stumbling(Failing):
    """A subscriber with a bug."""

    async def read(self, page) -> PageOutcome:
        if any(self.failures.get(logged.position) for logged in page):
            self.failures[page[0].position] = self.failures.get(page[0].position, 0) - (len(page) == 1)
            raise RuntimeError("a bug")
        return await super().read(page)


class LiveFeed:
    """Records the position of each event that it receives."""

    event_types = frozenset(EventType)

    def __init__(self) -> None:
        self.positions: list[int] = []

    async def receive(self, logged) -> None:
        self.positions.append(logged.position)


def relay(service, *subscribers, by=None) -> RelayEvents:
    persistence = service.persistence
    relaying = relay_to(subscribers, persistence.event_log, persistence.cursors, service.clock)
    if by is not None:
        for one in relaying.relays:
            one.holder = by
    return relaying


@pytest.mark.parametrize("subscriber", [Failing({2: 1}), InOrder({2: 1}), Stumbling({2: 1})])
async def test_a_failed_event_is_retried_and_delays_no_other_upload(service, subscriber):
    for _ in range(3):
        await service.request()
    relaying = relay(service, subscriber)
    assert await relaying() == 2
    assert subscriber.read_positions == [1, 3]
    assert await relaying() == 0, "the event was tried again at once"
    service.clock.advance(timedelta(seconds=4))
    assert await relaying() == 1
    assert subscriber.read_positions == [1, 3, 2]
    service.clock.advance(timedelta(hours=1))
    assert await relaying() == 0


async def test_an_event_that_fails_again_is_retried_later(service):
    await service.request()
    subscriber = Failing({1: 3})
    relaying = relay(service, subscriber)
    for tried, seconds in [(1, 4), (2, 8), (3, 16)]:
        assert await relaying() == 0
        assert subscriber.tried == tried
        service.clock.advance(timedelta(seconds=seconds, milliseconds=-1))
        await relaying()
        assert subscriber.tried == tried, "the event came too soon"
        service.clock.advance(timedelta(milliseconds=1))
    assert await relaying() == 1


async def test_for_an_in_order_subscriber_a_failed_event_holds_back_its_upload(service):
    uploads = [await service.upload() for _ in range(2)]  # events 1 to 4, two each
    subscriber = InOrder({1: 2})
    relaying = relay(service, subscriber)
    await relaying()
    for upload in uploads:  # events 5 and 6
        await service.create(upload)
    await relaying()
    assert subscriber.read_positions == [3, 4, 6]
    for _ in range(3):
        service.clock.advance(timedelta(seconds=8))
        await relaying()
    assert subscriber.read_positions == [3, 4, 6, 1, 2, 5]


async def test_a_subscriber_keeps_its_position_while_every_event_fails(service):
    for _ in range(20):
        await service.request()
    subscriber = Failing()
    relaying = relay(service, subscriber)
    subscriber.works = False
    for _ in range(3):
        assert await relaying() == 0
    assert subscriber.tried == 1, "the subscriber does not rest"
    subscriber.works = True
    service.clock.advance(timedelta(seconds=4))
    assert await relaying() == 20
    assert subscriber.read_positions == list(range(1, 21)), "an event was set aside or out of order"


async def test_a_subscriber_that_stays_down_is_retried_less_often_up_to_a_limit(service):
    await service.request()
    subscriber = Failing()
    relaying = relay(service, subscriber)
    subscriber.works = False
    for seconds in (4, 8, 8):
        tried = subscriber.tried
        await relaying()
        service.clock.advance(timedelta(seconds=seconds, milliseconds=-1))
        await relaying()
        assert subscriber.tried == tried + 1
        service.clock.advance(timedelta(milliseconds=1))
    subscriber.works = True
    assert await relaying() == 1


async def test_a_subscriber_that_fails_halfway_resumes_from_there(service):
    for _ in range(3):
        await service.request()

    class Tiring(InOrder):
        async def read(self, page):
            reading = await super().read(page[:1])
            return replace(reading, unread=len(page) - 1)

    subscriber = Tiring()
    relaying = relay(service, subscriber)
    for _ in range(3):
        await relaying()
        service.clock.advance(timedelta(seconds=8))
    assert subscriber.read_positions == [1, 2, 3]


async def test_unwanted_events_are_passed_over_without_a_hold(service):
    uploads = [await service.request() for _ in range(3)]
    subscriber = Failing()
    subscriber.types = frozenset({EventType.UPLOAD_CANCELLED})
    cursors, now = service.persistence.cursors, service.clock.now()
    await cursors.begin(subscriber.name, 0)
    await cursors.hold(subscriber.name, "another process", at=now, until=now + timedelta(seconds=15))
    relaying = relay(service, subscriber)
    assert await relaying() == 0
    assert (await cursors.backlog(now)).work_of(subscriber.name) is None
    await service.use_cases.cancel_upload(OWNER, uploads[0].id)
    await service.request()
    assert await relaying() == 0, "another process holds the subscriber"
    await cursors.let_go(subscriber.name, "another process")
    assert await relaying() == 1
    assert subscriber.read_positions == [4]
    assert (await cursors.backlog(now)).pending.keys() == set()


async def test_types_that_change_while_a_page_is_read_count_for_that_page(service):
    upload = await service.request()
    await service.use_cases.cancel_upload(OWNER, upload.id)
    subscriber = Failing()
    subscriber.types = frozenset({EventType.RECORD_DELETED})
    relaying = relay(service, subscriber)
    read_page = service.persistence.event_log.page

    async def page_before_a_change(*arguments):
        page = await read_page(*arguments)
        subscriber.types = frozenset({EventType.UPLOAD_CANCELLED})
        return page

    for one in relaying.relays:
        one.event_log = SimpleNamespace(page=page_before_a_change)
    assert await relaying() == 1
    assert subscriber.read_positions == [2]


async def test_subscribers_that_read_together_share_one_look_at_the_log(service):
    looks = []
    cursors = service.persistence.cursors

    class Counted:
        async def backlog(self, at):
            looks.append(at)
            return await cursors.backlog(at)

    backlog = EventBacklog(service.persistence.event_log, Counted(), service.clock)
    await asyncio.gather(*(backlog() for _ in range(5)))
    assert len(looks) == 1
    assert backlog.is_empty
    await service.request()
    await asyncio.gather(*(backlog() for _ in range(5)))
    assert len(looks) == 3, "the events are numbered between two looks"


async def test_one_subscriber_does_not_delay_another(service):
    await service.request()
    broken, well = Failing(), Failing(name="well")
    broken.works = False
    await relay(service, broken, well)()
    assert well.read_positions == [1]


async def test_only_one_of_several_processes_relays(service):
    for _ in range(250):  # more than two pages of 100
        await service.request()
    subscriber = Failing()
    acted_on = await asyncio.gather(*(relay(service, subscriber)() for _ in range(8)))
    assert sorted(acted_on) == [0] * 7 + [250]
    assert subscriber.read_positions == list(range(1, 251))
    await service.request()
    assert await relay(service, subscriber)() == 1, "the first process kept its hold"


async def test_another_process_takes_over_from_one_that_died(service):
    await service.request()
    subscriber, begun = Failing(), asyncio.Event()

    class Dying(Failing):
        async def read(self, _page):
            begun.set()
            await asyncio.Event().wait()

    dying = asyncio.create_task(relay(service, Dying())())
    await begun.wait()
    dying.cancel()
    await asyncio.wait({dying})
    assert await relay(service, subscriber)() == 0
    service.clock.advance(timedelta(seconds=15))
    assert await relay(service, subscriber)() == 1
    assert subscriber.read_positions == [1]


async def test_a_subscriber_that_begins_at_the_end_of_an_empty_log_receives_every_event(service):
    subscriber = Failing()
    subscriber.begins = StartPosition.NEXT
    relaying = relay(service, subscriber)
    await relaying()
    await service.request()
    assert await relaying() == 1


async def test_a_subscriber_that_begins_at_the_end_receives_no_earlier_event(service):
    await service.request()
    subscriber = Failing()
    subscriber.begins = StartPosition.NEXT
    relaying = relay(service, subscriber)
    await relaying()
    await service.request()
    assert await relaying() == 1
    assert subscriber.read_positions == [2]


async def test_each_process_receives_the_events_since_it_began(service):
    await service.request()
    first, late = LiveFeed(), LiveFeed()

    def following(subscriber):
        log = service.persistence.event_log
        return FollowEvents(log, EventBacklog(log, service.persistence.cursors, service.clock), subscriber)

    follow = following(first)
    await follow()
    await service.request()
    await asyncio.gather(follow(), follow())
    await following(late)()
    await service.request()
    await follow()
    assert first.positions == [2, 3]
    assert late.positions == []


async def test_a_subscriber_that_hangs_delays_no_other(service):
    await service.request()
    go_on = asyncio.Event()

    class Hanging(Failing):
        async def read(self, page):
            await go_on.wait()
            return await super().read(page)

    hanging, well = Hanging(), Failing(name="well")
    relaying = asyncio.create_task(relay(service, hanging, well)())
    async with asyncio.timeout(5):
        while not well.read_positions:  # noqa: ASYNC110 - a subscriber sets no event
            await asyncio.sleep(0)
    assert hanging.read_positions == []
    go_on.set()
    assert await relaying == 2


class OutOfReach:
    """Storage with one unreachable object."""

    def __init__(self, storage, key) -> None:
        self._storage = storage
        self._key = key

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def delete(self, key):
        if key == self._key:
            raise Unavailable("this object is out of reach")
        await self._storage.delete(key)


async def test_an_unreachable_object_does_not_keep_another_deleted_upload_public(service):
    uploads = [await service.upload() for _ in range(3)]
    for upload in uploads:
        record = (await service.create(upload)).record
        await service.use_cases.delete_record(OWNER, record.id)
    storage = OutOfReach(service.storage, uploads[0].key)
    await relay(service, DeleteObjects(service.persistence.snapshots, storage, service.clock, 2 * LEASE))()
    assert [stored.key async for stored in service.storage.list("")] == [uploads[0].key]
    service.clock.advance(timedelta(seconds=5))
    await service.use_cases.relay_events()
    assert [stored.key async for stored in service.storage.list("")] == []


async def test_undetected_bytes_of_a_cancelled_upload_are_deleted(service):
    upload = await service.request()
    await service.put_bytes(upload)
    await service.use_cases.cancel_upload(OWNER, upload.id)
    await service.use_cases.relay_events()
    assert await service.storage.head(upload.key) is None


async def test_output_published_after_an_undetected_deletion_is_deleted(service):
    upload = await service.upload()
    record = (await service.create(upload)).record
    late = (await service.persistence.leases.claim()).upload
    await service.use_cases.delete_record(OWNER, record.id)
    await service.use_cases.relay_events()
    key = published_key(late.uuid, late.attempt, late.original_filename, "m4a")
    await service.put_bytes(structs.replace(late, key=key), b"too late", "audio/mp4")
    service.clock.advance(2 * LEASE)
    await service.use_cases.relay_events()
    assert [stored.key async for stored in service.storage.list("")] == []
    service.clock.advance(timedelta(days=1))
    assert await service.use_cases.relay_events() == 0
