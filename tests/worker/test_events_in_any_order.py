"""Events that SQS delivers up to ten times each, in any order, mixed with deletions."""

import asyncio
import json
import random
from collections import Counter, defaultdict

import pytest

from memory_orak import OWNER, a_memory_orak
from orak.adapters.clock.system import SystemClock
from orak.adapters.events.entries import entry_of
from orak.adapters.events.message import Message
from orak.adapters.queues.inline import InlineQueue
from orak.domain.events import EventType
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.worker.sqs_consumer import SqsConsumer
from orak.entrypoints.worker.sqs_messages import MessageHandler

BUCKET = "orak"
MOST_DELIVERIES = 10
DEADLINE = 60


class UnorderedQueue:
    """A queue that delivers each event of the log and the bucket 1 to 10 times, in any order."""

    def __init__(self, service, pool, chance) -> None:
        self._service = service
        self._pool = pool
        self._chance = chance
        self._pending: list[str] = []
        self._position = 0
        self.delivered: Counter[str] = Counter()
        self.all_delivered = asyncio.Event()
        self.deletions = []

    def put(self, event: dict) -> None:
        self._pending += [json.dumps(event)] * self._chance.randint(1, MOST_DELIVERIES)

    async def _publish(self) -> int:
        events = self._service.persistence.event_log
        await events.number()
        before = self._position
        for logged in await events.after(self._position, 1000):
            entry = entry_of(logged, "bus")
            detail = json.loads(entry["Detail"])
            self.put({"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail})
            self._position = logged.position
        return self._position - before

    async def receive(self):
        await self._publish()
        if self.deletions and self._chance.random() < 0.3:
            record_id = self.deletions.pop()
            await self._service.use_cases.delete_record(OWNER, record_id)
        if not self._pending:
            if (
                not self.deletions
                and not self._pool._starters
                and not self._pool._jobs
                and not await self._publish()
            ):
                self.all_delivered.set()
            await asyncio.sleep(0.01)  # like the long polling of SQS
            return []
        bodies = []
        for _ in range(min(10, len(self._pending))):
            place = self._chance.randrange(len(self._pending))
            self._pending[place], self._pending[-1] = self._pending[-1], self._pending[place]
            bodies.append(self._pending.pop())
        self.delivered.update(bodies)
        return [Message(str(place), "", body) for place, body in enumerate(bodies)]

    async def delete(self, messages): ...

    async def keep(self, messages): ...


def arrived(upload):
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": upload.key}},
    }


async def process_by_events(service, count, chance):
    """Create records whose conversions only events start, and delete a quarter of them.

    Return uploads with their records, the ids of deleted records, and the queue.
    """
    pool = InlineQueue(asyncio.Semaphore(4), service.clock, workers=4)
    pool.open(service.use_cases.process_upload)
    queue = UnorderedQueue(service, pool, chance)

    async def record(number):
        upload = await service.request(name=f"노래 + {number}.webm")
        early = number % 2 == 0
        if early:
            await service.put_bytes(upload)
        snapshot = await service.create(upload)
        if not early:
            assert snapshot.upload.status is ProcessingStatus.PENDING
            await service.put_bytes(upload)
        queue.put(arrived(upload))
        return upload, snapshot.record

    records = await asyncio.gather(*map(record, range(count)))
    queue.deletions = [record.id for _, record in chance.sample(records, count // 4)]
    deleted = set(queue.deletions)
    handler = MessageHandler(service.use_cases.receive_upload, pool.wake, BUCKET)
    consumer = SqsConsumer(queue, handler, service.clock)
    consumer.start()
    async with asyncio.timeout(DEADLINE):
        await queue.all_delivered.wait()
    await consumer.stop()
    await pool.close()
    return records, deleted, queue


@pytest.mark.parametrize(("count", "seed"), [(1000, 1), (100, 2)])
async def test_each_record_has_one_rendition_and_deleted_ones_stay_deleted(count, seed, caplog):
    async with a_memory_orak(SystemClock()) as service:
        chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
        records, deleted, queue = await process_by_events(service, count, chance)
        while await service.use_cases.relay_events():
            pass
        stream = defaultdict(list)
        for logged in await service.persistence.event_log.after(0, 100 * count):
            stream[logged.upload_id].append(logged.event.type)
        stored_keys = [stored.key async for stored in service.storage.list("")]
        for upload, record in records:
            row = await service.row(upload)
            own_keys = {key for key in stored_keys if row.uuid in key}
            if record.id in deleted:
                assert row.status is ProcessingStatus.DELETED
                assert stream[upload.id][-1] is EventType.RECORD_DELETED
                assert own_keys == set()
            else:
                assert (row.status, row.attempt) == (ProcessingStatus.COMPLETED, 1)
                assert stream[upload.id].count(EventType.PROCESSING_COMPLETED) == 1
                assert own_keys == {upload.key, row.output.audio_key, row.output.waveform_key}
        assert max(queue.delivered.values()) == MOST_DELIVERIES
    assert "Traceback" not in caplog.text
