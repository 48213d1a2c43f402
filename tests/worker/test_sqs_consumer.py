import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager

from aws_server import DEADLINE
from house import RestlessClock
from orak.adapters.aws.clients import AwsConfig
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.events.sqs import SqsQueue
from orak.application.ports.failures import Unavailable
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId
from orak.entrypoints.worker.sqs_consumer import SqsConsumer
from orak.entrypoints.worker.sqs_messages import MalformedMessage, MessageHandler


class Ears:
    """Acts on messages as it is told to, and remembers them."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        self.at_once = self.most_at_once = 0
        self.changed = asyncio.Condition()

    async def __call__(self, body: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        async with self.changed:
            self.heard.append(body)
            self.changed.notify_all()
        if self.errors.get(body):
            raise self.errors[body].pop(0)

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)


@asynccontextmanager
async def consuming(server, url, hear, *, clock=None, visibility=60):
    async with SqsQueue.open(server.config, url, visibility=visibility) as queue:
        consumer = SqsConsumer(queue, hear, clock or RestlessClock())
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


async def test_messages_go_when_they_had_their_effect(aws_server):
    url, ears = aws_server.new_queue(), Ears()
    bodies = [f"message {number}" for number in range(25)]
    send(aws_server, url, *bodies)
    async with consuming(aws_server, url, ears):
        await ears.until(lambda: len(ears.heard) == 25)
        await until_counts(aws_server, url, (0, 0))
    assert sorted(ears.heard) == sorted(bodies)
    assert 1 < ears.most_at_once <= 10


async def test_what_is_not_done_when_it_is_stopped_comes_again(aws_server):
    url, begun = aws_server.new_queue(), asyncio.Event()
    send(aws_server, url, "long work")

    async def work_on(_body):
        begun.set()
        await asyncio.Event().wait()

    async with consuming(aws_server, url, work_on), asyncio.timeout(DEADLINE):
        await begun.wait()
    assert counts(aws_server, url) == (0, 1)


async def test_a_broken_message_ends_with_the_dead_letters_and_keeps_nobody(aws_server, caplog):
    dead, ears = aws_server.new_queue(), Ears()
    redrive = {"deadLetterTargetArn": aws_server.arn(dead), "maxReceiveCount": 2}
    url = aws_server.new_queue(RedrivePolicy=json.dumps(redrive))
    ears.errors = {
        "broken": [MalformedMessage("the body is not JSON")] * 9,
        "bug": [RuntimeError("a bug")] * 9,
    }
    send(aws_server, url, "broken", "bug", "good")
    async with consuming(aws_server, url, ears, visibility=0):
        await until_counts(aws_server, dead, (2, 0))
    assert "good" in ears.heard
    assert sorted(aws_server.messages(dead)) == ["broken", "bug"]
    assert "is left for the dead-letter queue: the body is not JSON" in caplog.text
    assert "RuntimeError: a bug" in caplog.text


async def test_while_nothing_can_be_acted_on_the_messages_are_held(aws_server, caplog):
    url, ears = aws_server.new_queue(), Ears()
    ears.errors = {"waits": [Unavailable("the database is away")] * 4}
    send(aws_server, url, "waits")
    async with consuming(aws_server, url, ears):
        await until_counts(aws_server, url, (0, 0))
    assert ears.heard == ["waits"] * 5
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [
        "SQS messages cannot be handled: the database is away; the sweep still finds waiting uploads",
        "SQS messages cannot be handled: this outage is over",
    ]


async def test_one_that_cannot_be_acted_on_does_not_keep_the_others(aws_server):
    url, ears = aws_server.new_queue(), Ears()
    ears.errors = {"stuck": [Unavailable("S3 refuses it")] * 999}
    send(aws_server, url, "stuck", "good")
    async with consuming(aws_server, url, ears):
        await ears.until(lambda: "good" in ears.heard)
        await until_counts(aws_server, url, (0, 1))
        send(aws_server, url, "another")
        await ears.until(lambda: "another" in ears.heard)


async def test_even_alone_it_is_held_for_minutes_only(aws_server):
    url, ears, clock = aws_server.new_queue(), Ears(), RestlessClock()
    ears.errors = {"stuck": [Unavailable("S3 refuses it")] * 999}
    send(aws_server, url, "stuck")
    began = clock.now()
    async with consuming(aws_server, url, ears, clock=clock):
        await ears.until(lambda: "stuck" in ears.heard)
        send(aws_server, url, "good")
        await ears.until(lambda: "good" in ears.heard)
    assert 180 <= (clock.now() - began).total_seconds() < 300


async def test_an_outage_of_the_queue_is_two_lines(aws_server, caplog):
    ears, sqs = Ears(), aws_server.client("sqs")
    url = aws_server.new_queue()
    sqs.delete_queue(QueueUrl=url)
    async with consuming(aws_server, url, ears):
        await until(lambda: "cannot be received" in caplog.text)
        await asyncio.to_thread(sqs.create_queue, QueueName=url.rpartition("/")[2])
        await asyncio.to_thread(send, aws_server, url, "at last")
        await ears.until(lambda: ears.heard == ["at last"])
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert warnings[0].startswith("SQS messages cannot be received: SQS answered 400")
    assert warnings[1] == "SQS messages cannot be received: this outage is over"


async def test_it_can_be_stopped_while_the_queue_is_away():
    nowhere = AwsConfig("eu-west-1", "http://127.0.0.1:9", "key", "secret")
    async with SqsQueue.open(nowhere, "http://127.0.0.1:9/1/q") as queue:
        consumer = SqsConsumer(queue, Ears(), FrozenClock())
        consumer.start()
        await asyncio.sleep(0)
        began = time.monotonic()
        await consumer.stop()
        assert time.monotonic() - began < 1


async def test_a_message_of_an_upload_that_is_gone_has_no_effect_and_goes():
    async def receive(_key, *, queued):
        assert queued
        raise UploadNotFound(UploadId(3))

    async def wake():
        raise AssertionError

    body = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "takes"}, "object": {"key": "recordings/x"}},
    }
    await MessageHandler(receive, wake, "takes")(json.dumps(body))
