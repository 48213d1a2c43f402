"""Every `SnapshotCache`, with `GetRecord`: clients see no older state and no deleted record."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import OWNER, a_waiting_record, saved
from memory_orak import LEASE, SelfAdvancingClock
from orak.adapters.cache.memory import MemoryCache
from orak.adapters.cache.redis import RedisCache
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.redis.link import RedisLink
from orak.application.ports.snapshot_cache import INVALIDATED_FOR, LIFE, version_of
from orak.application.records.change_record import ChangeRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.domain.actor import Actor
from orak.domain.audio import Loudness
from orak.domain.errors import RecordNotFound
from orak.domain.identity import ObjectKey, RecordId
from orak.domain.processing import ProcessingStatus
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Output

OWNER_ACTOR = Actor(OWNER)
OUTPUT = Output(ObjectKey("published/a"), ObjectKey("published/w"), 12.9, Loudness(-20.0, -14.0, None))


@pytest.fixture
def clock():
    return SelfAdvancingClock()


@pytest.fixture(params=["memory", "redis"])
async def caches(request, clock):
    """Two processes' views of one cache; in memory both are the same."""
    if request.param == "memory":
        yield [MemoryCache(clock)] * 2
        return
    server = request.getfixturevalue("redis_server")
    async with RedisLink.open(server.url, "Redis") as one, RedisLink.open(server.url, "Redis") as other:
        yield [RedisCache(one, clock), RedisCache(other, clock)]


@pytest.fixture
async def persistence(clock):
    async with MemoryPersistence.open(clock=clock, lease=LEASE) as opened:
        yield opened


async def a_completed_record(persistence, clock) -> RecordSnapshot:
    snapshot = await a_waiting_record(persistence)
    leased = await persistence.leases.claim(snapshot.upload.id)
    upload = await saved(persistence, leased.upload.complete(leased.upload.attempt, OUTPUT, at=clock.now()))
    return RecordSnapshot(snapshot.record, upload)


def titled(snapshot, title, version) -> RecordSnapshot:
    return replace(snapshot, record=replace(snapshot.record, title=title, version=version))


async def test_a_snapshot_cached_by_one_process_is_found_by_another(caches, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    assert await caches[1].get(snapshot.record.id) is None
    await caches[0].put(snapshot, read_at=clock.now())
    assert await caches[1].get(snapshot.record.id) == snapshot


async def test_an_older_snapshot_never_replaces_a_newer_one(caches, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    old, new = titled(snapshot, "old", 9), titled(snapshot, "new", 10)
    await caches[0].put(new, read_at=clock.now())
    await caches[1].put(old, read_at=clock.now())
    assert await caches[1].get(snapshot.record.id) == new
    further = replace(new, upload=replace(new.upload, version=new.upload.version + 1))
    await caches[1].put(further, read_at=clock.now())
    await caches[1].put(new, read_at=clock.now())
    assert await caches[0].get(snapshot.record.id) == further


async def test_nothing_is_cached_of_an_invalidated_record(caches, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    await caches[0].put(snapshot, read_at=clock.now())
    await caches[0].invalidate(snapshot.record.id)
    assert await caches[1].get(snapshot.record.id) is None
    await caches[1].put(titled(snapshot, "late", 99), read_at=clock.now())
    assert await caches[1].get(snapshot.record.id) is None


async def test_a_snapshot_is_not_found_after_its_life(caches, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    await caches[0].put(snapshot, read_at=clock.now())
    clock.advance(LIFE)
    assert await caches[1].get(snapshot.record.id) is None


async def test_the_life_of_a_snapshot_begins_when_it_was_read(caches, persistence, clock):
    """A reader that paused for longer than `INVALIDATED_FOR` must not cache an old snapshot."""
    snapshot = await a_completed_record(persistence, clock)
    read_at = clock.now()
    clock.advance(INVALIDATED_FOR + timedelta(seconds=1))
    await caches[0].put(snapshot, read_at=read_at)
    assert await caches[1].get(snapshot.record.id) is None


async def test_only_completed_records_are_cached(caches, persistence, clock):
    snapshot = await a_waiting_record(persistence)
    shown = await GetRecord(persistence.snapshots, caches[0], clock)(OWNER_ACTOR, snapshot.record.id)
    assert shown.upload.status is ProcessingStatus.UPLOADED
    assert await caches[0].get(snapshot.record.id) is None


class SlowDatabase:
    """A database that answers late, sometimes after it has read."""

    def __init__(self, persistence, chance: random.Random) -> None:
        self._persistence = persistence
        self._chance = chance

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        await self._pause()
        try:
            return await self._persistence.snapshots.get(record_id)
        finally:
            await self._pause()

    @asynccontextmanager
    async def transaction(self):
        await self._pause()
        async with self._persistence.transaction() as tx:
            yield tx
        await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.choice([0, 0, 0.0005, 0.002]))


class Witnessed:
    """One record read and written by several processes; it records what clients saw."""

    def __init__(self, record_id, slow, caches, clock, chance) -> None:
        self._record_id, self._slow, self._clock, self._chance = record_id, slow, clock, chance
        self._caches = caches
        self._shown = (0, 0, 0)
        self._deleted = False

    async def read(self) -> None:
        least, was_deleted = self._shown, self._deleted
        try:
            snapshot = await GetRecord(self._slow, self._cache, self._clock)(OWNER_ACTOR, self._record_id)
        except RecordNotFound:
            self._deleted = True
            return
        assert not was_deleted, "a deleted record was shown"
        assert version_of(snapshot) >= least, "an older state was shown"
        self._shown = max(self._shown, version_of(snapshot))

    async def rename(self) -> None:
        change = ChangeRecord(self._slow.transaction, self._slow, self._cache, self._clock)
        with suppress(RecordNotFound):
            self._shown = max(
                self._shown, version_of(await change(OWNER_ACTOR, self._record_id, title="새 이름"))
            )

    async def delete(self) -> None:
        with suppress(RecordNotFound):
            await DeleteRecord(self._slow.transaction, self._cache, self._clock)(OWNER_ACTOR, self._record_id)
            self._deleted = True

    async def keep_reading(self) -> None:
        for _ in range(12):
            await self.read()

    async def write_some_time(self) -> None:
        await asyncio.sleep(self._chance.choice([0, 0.002, 0.01]))
        write = self._chance.choice([self.rename, self.delete])
        with suppress(TimeoutError):  # every second caller hangs up early
            async with asyncio.timeout(self._chance.choice([None, None, None, 0, 0.0005, 0.003])):
                await write()

    @property
    def _cache(self):
        return self._chance.choice(self._caches)


@pytest.mark.parametrize("seed", range(3))
async def test_no_client_sees_an_older_state_or_a_deleted_record(caches, persistence, clock, seed):
    chance = random.Random(seed)  # noqa: S311 - not a secret
    slow = SlowDatabase(persistence, chance)
    for _ in range(25):
        snapshot = await a_completed_record(persistence, clock)
        witnessed = Witnessed(snapshot.record.id, slow, caches, clock, chance)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(witnessed.keep_reading())
            for _ in range(3):
                group.create_task(witnessed.write_some_time())


@asynccontextmanager
async def hung_up_after_the_commit(persistence):
    async with persistence.transaction() as tx:
        yield tx
    raise asyncio.CancelledError


async def test_a_delete_remains_effective_if_its_caller_hangs_up_after_the_commit(caches, persistence, clock):
    record_id = (await a_completed_record(persistence, clock)).record.id
    get = GetRecord(persistence.snapshots, caches[1], clock)
    await get(OWNER_ACTOR, record_id)
    delete = DeleteRecord(lambda: hung_up_after_the_commit(persistence), caches[0], clock)
    with pytest.raises(asyncio.CancelledError):
        await delete(OWNER_ACTOR, record_id)
    with pytest.raises(RecordNotFound):
        await get(OWNER_ACTOR, record_id)


async def test_a_change_remains_effective_if_its_caller_hangs_up_after_the_commit(caches, persistence, clock):
    record_id = (await a_completed_record(persistence, clock)).record.id
    get = GetRecord(persistence.snapshots, caches[1], clock)
    await get(OWNER_ACTOR, record_id)
    change = ChangeRecord(
        lambda: hung_up_after_the_commit(persistence), persistence.snapshots, caches[0], clock
    )
    with pytest.raises(asyncio.CancelledError):
        await change(OWNER_ACTOR, record_id, title="새 이름")
    assert (await get(OWNER_ACTOR, record_id)).record.title == "새 이름"


async def test_a_cache_flushed_during_a_write_returns_no_old_snapshot(redis_server, persistence, clock):
    """FLUSHALL between a writer's invalidation and its commit, with a reader in between."""
    record_id = (await a_completed_record(persistence, clock)).record.id
    async with RedisLink.open(redis_server.url, "Redis") as link:
        cache = RedisCache(link, clock)
        get = GetRecord(persistence.snapshots, cache, clock)

        @asynccontextmanager
        async def flushed_meanwhile():
            redis_server.flush()
            await get(OWNER_ACTOR, record_id)
            async with persistence.transaction() as tx:
                yield tx

        await DeleteRecord(flushed_meanwhile, cache, clock)(OWNER_ACTOR, record_id)
        with pytest.raises(RecordNotFound):
            await get(OWNER_ACTOR, record_id)


async def test_completed_records_are_served_without_the_database(caches, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    get = GetRecord(persistence.snapshots, caches[0], clock)
    await get(OWNER_ACTOR, snapshot.record.id)

    class Nowhere:
        async def get(self, record_id):
            raise AssertionError(record_id)

    from_cache = await GetRecord(Nowhere(), caches[1], clock)(OWNER_ACTOR, snapshot.record.id)
    assert from_cache == await persistence.snapshots.get(snapshot.record.id)


async def test_a_dead_redis_counts_as_a_miss_and_soon_causes_no_delay(own_redis, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    async with RedisLink.open(own_redis.url, "Redis") as link:
        cache = RedisCache(link, clock)
        await cache.put(snapshot, read_at=clock.now())
        own_redis.kill()
        loop = asyncio.get_running_loop()
        for _ in range(5):
            began = loop.time()
            assert await cache.get(snapshot.record.id) is None
            assert loop.time() - began < 0.5  # far less than the time-out of a socket
        await cache.put(snapshot, read_at=clock.now())
        await cache.invalidate(snapshot.record.id)


async def test_a_foreign_or_unreadable_value_is_a_miss(redis_server, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    async with RedisLink.open(redis_server.url, "Redis") as link:
        cache = RedisCache(link, clock)
        await cache.put(snapshot, read_at=clock.now())
        with redis_server.client() as redis:
            redis.set("orak:recording:999", redis.get(f"orak:recording:{snapshot.record.id}"))
            redis.set("orak:recording:998", b"0" * 60 + b"\xc1 nonsense")
        assert await cache.get(RecordId(999)) is None
        assert await cache.get(RecordId(998)) is None


async def test_redis_expires_snapshots_by_itself(redis_server, persistence, clock):
    snapshot = await a_completed_record(persistence, clock)
    async with RedisLink.open(redis_server.url, "Redis") as link:
        cache = RedisCache(link, clock)
        await cache.put(snapshot, read_at=clock.now())
        await cache.invalidate(RecordId(5))
    with redis_server.client() as redis:
        assert 0 < redis.pttl(f"orak:recording:{snapshot.record.id}") <= LIFE.total_seconds() * 1000
        assert 0 < redis.pttl("orak:recording:5") <= INVALIDATED_FOR.total_seconds() * 1000


async def test_the_memory_cache_keeps_no_more_than_its_capacity(persistence, clock):
    cache = MemoryCache(clock, max_entries=2)
    snapshots = [await a_completed_record(persistence, clock) for _ in range(3)]
    for snapshot in snapshots:
        await cache.put(snapshot, read_at=clock.now())
    assert [await cache.get(snapshot.record.id) for snapshot in snapshots] == [None, *snapshots[1:]]
