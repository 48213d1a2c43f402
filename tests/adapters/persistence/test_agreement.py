"""Memory, SQLite and PostgreSQL give the same results for the same random steps."""

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from builders import START, an_object, an_upload, created
from databases import EMPTY
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.ids.sequential import SequentialIds
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.page import Page
from orak.domain.actor import Actor
from orak.domain.audio import Loudness
from orak.domain.identity import ObjectKey, UploadId, UserId
from orak.domain.processing import FailureCode
from orak.domain.upload import Output

LEASE = timedelta(seconds=30)
OUTPUT = Output(
    ObjectKey("published/a.m4a"), ObjectKey("published/a.json"), 61.5, Loudness(-30.0, -14.0, -1.5)
)
OWNERS = [UserId(1), UserId(2), UserId(3)]


class World:
    """One persistence with its clock; the steps are methods, the same for all."""

    def __init__(self, persistence, clock):
        self.persistence, self.clock, self.ids = persistence, clock, SequentialIds()

    async def request(self, owner, key):
        idempotency_key = IdempotencyKey(OWNERS[owner], "presign", f"key-{key}", "body") if key < 2 else None
        look = self.clock.now() + timedelta(seconds=key)
        upload = an_upload(OWNERS[owner], uuid=self.ids.uuid(), at=self.clock.now(), not_before=look)
        return await self.persistence.intake.add(upload, idempotency_key)

    async def name(self, upload_id, chance):
        upload = await self.persistence.snapshots.upload(upload_id)
        upload.owned_by(Actor(upload.owner_id)).check_attachable()
        found = an_object(upload, size=3 + (chance == 2)) if chance and upload.lacks_bytes else None
        return await created(self.persistence, upload, found, at=self.clock.now())

    async def delete(self, upload_id, _):
        async with self.persistence.transaction() as tx:
            upload = await tx.uploads.get(upload_id)
            if upload.record_id:
                await tx.records.remove(upload.record_id)
            return await tx.uploads.save(*upload.delete(at=self.clock.now()))

    async def receive(self, upload_id, chance):
        return await self._move(
            upload_id, lambda upload, now: upload.receive(an_object(upload, size=3 + (chance == 0)), at=now)
        )

    async def expire(self, upload_id, _):
        return await self._move(upload_id, lambda upload, now: upload.expire(at=now))

    async def cancel(self, upload_id, _):
        return await self._move(upload_id, lambda upload, now: upload.cancel(at=now))

    async def retry(self, upload_id, _):
        return await self._move(upload_id, lambda upload, now: upload.retry(at=now, forced=True))

    async def settle(self, upload_id, how):
        moves = [
            lambda upload, now: upload.complete(upload.attempt, OUTPUT, at=now),
            lambda upload, now: upload.fail(upload.attempt, FailureCode.CORRUPT, at=now),
            lambda upload, now: upload.release(upload.attempt, at=now),
            lambda upload, now: upload.fail_attempt(
                upload.attempt, message="x", at=now, not_before=now + timedelta(seconds=9)
            ),
        ]
        return await self._move(upload_id, moves[how])

    async def _move(self, upload_id, move):
        async with self.persistence.transaction() as tx:
            return await tx.uploads.save(*move(await tx.uploads.get(upload_id), self.clock.now()))

    async def claim(self, upload_id, chance):
        return await self.persistence.leases.claim(upload_id if chance == 0 else None)

    async def extend(self, upload_id, attempt):
        return await self.persistence.leases.extend(upload_id, attempt, 10 * attempt)

    async def postpone(self, upload_id, seconds):
        until = self.clock.now() + timedelta(seconds=seconds)
        return await self.persistence.arrivals.postpone({upload_id: until})

    async def purge(self, upload_id, _):
        async with self.persistence.transaction() as tx:
            return await tx.uploads.purge(upload_id)

    async def wait(self, _, chance):
        self.clock.advance(timedelta(seconds=11 * chance))

    async def outcome(self, step):
        name, *arguments = step
        try:
            return await getattr(self, name)(*arguments)
        except Exception as refusal:  # noqa: BLE001 - the kind of error is the outcome
            return type(refusal).__mro__[-4:]

    async def events(self):
        # Ids may have gaps in SQL, so they are not compared.
        return [replace(logged, event_id=0) for logged in await self.persistence.event_log.after(0, 999)]

    async def everything(self):
        p, now = self.persistence, self.clock.now()
        later = now + timedelta(days=9)
        start = await p.leases.next_start()
        seen = {
            "records": [await p.snapshots.of(owner, Page()) for owner in OWNERS],
            "pages": [await p.snapshots.of(owner, Page(after=2, limit=1)) for owner in OWNERS],
            "lost": await p.leases.lost(9),
            "due": await p.arrivals.due(9),
            "orphans": await p.arrivals.orphans(later, 9),
            "tombstones": await p.arrivals.tombstones(later, 9),
            "next start": start and max(start, now),
            "numbered": await p.event_log.number(),
            "events": await self.events(),
            "counts": await p.reports.count(now, now),
            "completed": await p.reports.count_completed(),
            "dead letters": await p.reports.failures(Page()),
            "reported orphans": await p.reports.orphans(later, Page()),
            "histories": await p.histories.histories(UploadId(1), UploadId(9)),
            "forgotten": await p.histories.forget(0, await p.event_log.last(), now),
            "events left": await self.events(),
            "backlog": await p.cursors.backlog(now),
            "lag": await p.cursors.lags(["a subscriber"], now),
        }
        self.clock.advance(timedelta(hours=1))
        seen["line"] = []
        while snapshot := await p.leases.claim():
            seen["line"].append(snapshot)
        return seen


UPLOADS = st.integers(1, 6).map(UploadId)
STEPS = st.one_of(
    st.tuples(st.just("request"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.sampled_from(["name", "receive", "claim", "settle"]), UPLOADS, st.integers(0, 3)),
    st.tuples(
        st.sampled_from(["delete", "expire", "cancel", "retry", "extend", "postpone", "purge", "wait"]),
        UPLOADS,
        st.integers(0, 3),
    ),
)


BEGINNING = [("request", 0, 3), ("request", 0, 2), ("request", 1, 3), ("name", 1, 0), ("receive", 1, 1)]


async def agree(url, steps):
    clocks = FrozenClock(START), FrozenClock(START)
    async with (
        MemoryPersistence.open(clock=clocks[0], lease=LEASE) as memory,
        SqlPersistence.open(url, clock=clocks[1], lease=LEASE) as sql,
    ):
        worlds = World(memory, clocks[0]), World(sql, clocks[1])
        for step in [*BEGINNING, *steps]:
            in_memory, in_sql = [await world.outcome(step) for world in worlds]
            assert in_memory == in_sql, step
        in_memory, in_sql = [await world.everything() for world in worlds]
        assert in_memory == in_sql


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_memory_and_sqlite_give_the_same_results(migrated_file, steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(agree(f"sqlite:///{shutil.copy(migrated_file, Path(folder, 'orak.db'))}", steps))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=10, max_size=40))
def test_memory_and_postgresql_give_the_same_results(postgresql_server, steps):
    postgresql_server.sql(EMPTY)
    asyncio.run(agree(postgresql_server.url(), steps))
