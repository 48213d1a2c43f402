import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager

from aws_server import DEADLINE
from memory_orak import SelfAdvancingClock, a_memory_orak
from orak.adapters.aws.clients import AwsConfig
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.events.sqs import SqsQueue
from orak.application.ports.failures import Unavailable
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId
from orak.entrypoints.worker.sqs_consumer import SqsConsumer
from orak.entrypoints.worker.sqs_messages import MalformedMessage, MessageHandler


class RecordingHandler:
    """A handler that records message bodies, and raises the errors chosen for them."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        self.concurrent = self.max_concurrent = 0
        self.changed = asyncio.Condition()

    async def __call__(self, body: str) -> None:
        self.concurrent += 1
        self.max_concurrent = max(self.concurrent, self.max_concurrent)
        await asyncio.sleep(0)
        self.concurrent -= 1
        async with self.changed:
            self.bodies.append(body)
            self.changed.notify_all()
        if self.errors.get(body):
            raise self.errors[body].pop(0)

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)


@asynccontextmanager
async def consuming(server, url, handle, *, clock=None, visibility=60):
    async with SqsQueue.open(server.config, url, visibility=visibility) as queue:
        consumer = SqsConsumer(queue, handle, clock or SelfAdvancingClock())
        consumer.start()
        try:
            yield
        finally:
            began = time.monotonic()
            await consumer.stop()
            assert time.monotonic() - began < 1


def send(server, url, *bodies):
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies[start : start + 10])
        ]
        server.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def counts(server, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    asked = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(asked[name]) for name in names)


async def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def until_counts(server, url, expected):
    deadline = time.monotonic() + DEADLINE
    while (found := await asyncio.to_thread(counts, server, url)) != expected:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def test_handled_messages_are_deleted(aws_server):
    url, handler = aws_server.new_queue(), RecordingHandler()
    bodies = [f"message {number}" for number in range(25)]
    send(aws_server, url, *bodies)
    async with consuming(aws_server, url, handler):
        await handler.until(lambda: len(handler.bodies) == 25)
        await until_counts(aws_server, url, (0, 0))
    assert sorted(handler.bodies) == sorted(bodies)
    assert 1 < handler.max_concurrent <= 10


async def test_a_message_unfinished_at_stop_is_delivered_again(aws_server):
    url, begun = aws_server.new_queue(), asyncio.Event()
    send(aws_server, url, "slow")

    async def handle_slowly(_body):
        begun.set()
        await asyncio.Event().wait()

    async with consuming(aws_server, url, handle_slowly), asyncio.timeout(DEADLINE):
        await begun.wait()
    assert counts(aws_server, url) == (0, 1)


async def test_a_malformed_message_becomes_a_dead_letter_and_blocks_no_other(aws_server, caplog):
    dead, handler = aws_server.new_queue(), RecordingHandler()
    redrive = {"deadLetterTargetArn": aws_server.arn(dead), "maxReceiveCount": 2}
    url = aws_server.new_queue(RedrivePolicy=json.dumps(redrive))
    handler.errors = {
        "malformed": [MalformedMessage("the body is not JSON")] * 9,
        "bug": [RuntimeError("a bug")] * 9,
    }
    send(aws_server, url, "malformed", "bug", "good")
    async with consuming(aws_server, url, handler, visibility=0):
        await until_counts(aws_server, dead, (2, 0))
    assert "good" in handler.bodies
    assert sorted(aws_server.messages(dead)) == ["bug", "malformed"]
    assert "is left for the dead-letter queue: the body is not JSON" in caplog.text
    assert "RuntimeError: a bug" in caplog.text


async def test_during_an_outage_the_consumer_holds_its_messages(aws_server, caplog):
    url, handler = aws_server.new_queue(), RecordingHandler()
    handler.errors = {"waits": [Unavailable("the database is away")] * 4}
    send(aws_server, url, "waits")
    async with consuming(aws_server, url, handler):
        await until_counts(aws_server, url, (0, 0))
    assert handler.bodies == ["waits"] * 5
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [
        "SQS messages cannot be handled: the database is away; batches still start waiting uploads",
        "SQS messages cannot be handled: this outage is over",
    ]


async def test_one_unavailable_message_does_not_block_the_others(aws_server):
    url, handler = aws_server.new_queue(), RecordingHandler()
    handler.errors = {"stuck": [Unavailable("S3 refused the request")] * 999}
    send(aws_server, url, "stuck", "good")
    async with consuming(aws_server, url, handler):
        await handler.until(lambda: "good" in handler.bodies)
        await until_counts(aws_server, url, (0, 1))
        send(aws_server, url, "another")
        await handler.until(lambda: "another" in handler.bodies)


async def test_an_unavailable_message_is_held_for_a_few_minutes_only(aws_server):
    url, handler, clock = aws_server.new_queue(), RecordingHandler(), SelfAdvancingClock()
    handler.errors = {"stuck": [Unavailable("S3 refused the request")] * 999}
    send(aws_server, url, "stuck")
    began = clock.now()
    async with consuming(aws_server, url, handler, clock=clock):
        await handler.until(lambda: "stuck" in handler.bodies)
        send(aws_server, url, "good")
        await handler.until(lambda: "good" in handler.bodies)
    # The hold ends after pauses of 181 s (1 + 2 + 4 + 8 + 16 + 5 * 30); "good" may wait for a few more.
    assert 180 <= (clock.now() - began).total_seconds() < 300


async def test_an_outage_of_the_queue_logs_two_lines(aws_server, caplog):
    handler, sqs = RecordingHandler(), aws_server.client("sqs")
    url = aws_server.new_queue()
    sqs.delete_queue(QueueUrl=url)
    async with consuming(aws_server, url, handler):
        await until(lambda: "cannot be received" in caplog.text)
        await asyncio.to_thread(sqs.create_queue, QueueName=url.rpartition("/")[2])
        await asyncio.to_thread(send, aws_server, url, "after the outage")
        await handler.until(lambda: handler.bodies == ["after the outage"])
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert warnings[0].startswith("SQS messages cannot be received: SQS answered 400")
    assert warnings[1] == "SQS messages cannot be received: this outage is over"


async def test_the_consumer_stops_during_an_outage_of_the_queue():
    nowhere = AwsConfig("eu-west-1", "http://127.0.0.1:9", "key", "secret")
    async with SqsQueue.open(nowhere, "http://127.0.0.1:9/1/q") as queue:
        consumer = SqsConsumer(queue, RecordingHandler(), FrozenClock())
        consumer.start()
        await asyncio.sleep(0)
        began = time.monotonic()
        await consumer.stop()
        assert time.monotonic() - began < 1


def an_arrival(key):
    """Return the body of S3's event about a new object."""
    detail = {"bucket": {"name": "orak"}, "object": {"key": key}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


async def test_a_message_of_a_deleted_upload_has_no_effect():
    async def receive(_key, *, queued):
        assert queued
        raise UploadNotFound(UploadId(3))

    async def wake():
        raise AssertionError

    await MessageHandler(receive, wake, "orak")(an_arrival("recordings/x"))


async def test_an_arrival_waits_in_the_queue_even_if_a_slot_is_free():
    async with a_memory_orak() as service:
        upload = await service.request()
        await service.create(upload)
        await service.put_bytes(upload)
        handle = MessageHandler(service.use_cases.receive_upload, service.queue.wake, "orak")
        await handle(an_arrival(upload.key))
        assert (await service.row(upload)).is_waiting
        assert (service.queue.woken, service.started) == (1, [])
