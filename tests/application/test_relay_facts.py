"""Facts reach every reader, whatever one of them trips over."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from house import LEASE, SINGER, a_house
from orak.application.events.follow_facts import FollowFacts
from orak.application.events.readers import DeleteObjects
from orak.application.events.relay_facts import RelayFacts
from orak.application.ports.failures import Unavailable
from orak.domain.identity import published_key


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


class Failing:
    """A reader that fails at some facts, as often as it is told to."""

    name = "failing"

    def __init__(self, failures: dict[int, list[Exception]] | None = None, *, always: bool = False) -> None:
        self.failures = failures or {}
        self.always = always
        self.read_positions: list[int] = []
        self.tried = 0

    async def read(self, numbered) -> None:
        self.tried += 1
        if self.always:
            raise Unavailable("nothing works")
        if errors := self.failures.get(numbered.position):
            raise errors.pop(0)
        self.read_positions.append(numbered.position)


class Heard:
    def __init__(self) -> None:
        self.positions: list[int] = []

    async def hear(self, numbered) -> None:
        self.positions.append(numbered.position)


def relay(house, *readers) -> RelayFacts:
    return replace(house.use_cases.relay_facts, readers=readers)


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a bug")])
async def test_a_fact_that_fails_holds_up_no_other_and_comes_again(house, error):
    for _ in range(3):
        await house.request()
    reader = Failing({2: [error]})
    relaying = relay(house, reader)
    assert await relaying() == 2
    assert reader.read_positions == [1, 3]
    assert await relaying() == 0, "it is not tried again at once"
    house.clock.advance(timedelta(minutes=1))
    assert await relaying() == 1
    assert reader.read_positions == [1, 3, 2]
    house.clock.advance(timedelta(minutes=1))
    assert await relaying() == 0


async def test_a_fact_that_fails_again_is_set_aside_again(house):
    await house.request()
    reader = Failing({1: [Unavailable("away") for _ in range(3)]})
    relaying = relay(house, reader)
    for _ in range(4):
        await relaying()
        house.clock.advance(timedelta(seconds=5))
    assert (reader.tried, reader.read_positions) == (4, [1])


async def test_when_nothing_works_a_reader_waits_for_the_next_round(house):
    for _ in range(20):
        await house.request()
    reader = Failing(always=True)
    relaying = relay(house, reader)
    await relaying()
    assert reader.tried == 5
    reader.always = False
    house.clock.advance(timedelta(seconds=5))
    assert await relaying() == 20
    assert sorted(reader.read_positions) == list(range(1, 21))


async def test_one_reader_does_not_hold_up_another(house):
    await house.request()
    broken, well = Failing(always=True), Failing()
    well.name = "well"
    await relay(house, broken, well)()
    assert well.read_positions == [1]


async def test_each_process_hears_what_is_new_since_it_began(house):
    await house.request()
    first, late = Heard(), Heard()
    hearing = FollowFacts(house.persistence.facts, [first])
    await hearing()
    await house.request()
    await asyncio.gather(hearing(), hearing())
    await FollowFacts(house.persistence.facts, [late])()
    await house.request()
    await hearing()
    assert first.positions == [2, 3]
    assert late.positions == []


async def test_a_reader_that_hangs_holds_up_no_other(house):
    await house.request()
    go_on = asyncio.Event()

    class Hanging(Failing):
        async def read(self, numbered):
            await go_on.wait()
            await super().read(numbered)

    hanging, well = Hanging(), Failing()
    well.name = "well"
    relaying = asyncio.create_task(relay(house, hanging, well)())
    async with asyncio.timeout(5):
        while not well.read_positions:  # noqa: ASYNC110 - a reader sets no event
            await asyncio.sleep(0)
    assert hanging.read_positions == []
    go_on.set()
    assert await relaying == 2


class OutOfReach:
    """Storage of which one object cannot be reached."""

    def __init__(self, storage, key) -> None:
        self._storage = storage
        self._key = key

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def delete(self, key):
        if key == self._key:
            raise Unavailable("this object is out of reach")
        await self._storage.delete(key)


async def test_an_object_out_of_reach_keeps_no_other_deleted_take_public(house):
    uploads = [await house.upload() for _ in range(3)]
    for upload in uploads:
        record = (await house.create(upload)).record
        await house.use_cases.delete_record(SINGER, record.id)
    storage = OutOfReach(house.storage, uploads[0].key)
    await relay(house, DeleteObjects(storage, house.clock, 2 * LEASE))()
    assert [stored.key async for stored in house.storage.list("")] == [uploads[0].key]
    house.clock.advance(timedelta(seconds=5))
    await house.use_cases.relay_facts()
    assert [stored.key async for stored in house.storage.list("")] == []


async def test_unnoticed_bytes_of_a_cancelled_upload_go_with_it(house):
    upload = await house.request()
    await house.lay(upload)
    await house.use_cases.cancel_upload(SINGER, upload.id)
    await house.use_cases.relay_facts()
    assert await house.storage.head(upload.key) is None


async def test_what_a_worker_publishes_after_a_deletion_that_it_did_not_know_of_goes_too(house):
    upload = await house.upload()
    record = (await house.create(upload)).record
    late = (await house.persistence.leases.take()).upload
    await house.use_cases.delete_record(SINGER, record.id)
    await house.use_cases.relay_facts()
    key = published_key(late.uuid, late.attempt, late.original_filename, "m4a")
    await house.lay(structs.replace(late, key=key), b"too late", "audio/mp4")
    house.clock.advance(2 * LEASE)
    await house.use_cases.relay_facts()
    assert [stored.key async for stored in house.storage.list("")] == []
    house.clock.advance(timedelta(days=1))
    assert await house.use_cases.relay_facts() == 0
