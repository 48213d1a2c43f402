"""The promises of every `Live`."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from builders import OTHER_USER, OWNER, START
from orak.adapters.live.memory import MemoryLive
from orak.adapters.live.redis import RedisLive, encode_tick
from orak.adapters.redis.link import RedisLink
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus

CAPACITY = 8
DEADLINE = 10


@pytest.fixture
def memory():
    return MemoryLive(capacity=CAPACITY)


@pytest.fixture
async def redis(request):
    """One process on Redis; `other` is another one."""
    async with a_redis_live(request.getfixturevalue("redis_server")) as live:
        yield live


@pytest.fixture
async def other(request):
    async with a_redis_live(request.getfixturevalue("redis_server")) as live:
        yield live


@asynccontextmanager
async def a_redis_live(server, capacity=CAPACITY):
    async with (
        RedisLink.open(server.url, "Redis") as link,
        RedisLive.open(server.url, link, capacity) as live,
    ):
        async with asyncio.timeout(DEADLINE):
            await live.connected()
        yield live


@pytest.fixture(params=["memory", "redis"])
def live(request):
    return request.getfixturevalue(request.param)


def a_change(position: int) -> LiveMessage:
    return LiveMessage(position, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, 0, START)


def a_tick(progress: int) -> LiveMessage:
    return LiveMessage(None, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, progress, START)


async def test_a_client_gets_messages_in_order(live):
    async with live.listen(OWNER) as messages:
        for position in (1, 2, 3):
            await live.publish(OWNER, a_change(position))
        assert [(await anext(messages)).event_id for _ in range(3)] == [1, 2, 3]


async def test_a_waiting_client_is_woken(live):
    async with live.listen(OWNER) as messages:
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        await live.publish(OWNER, a_change(1))
        assert await waiting == a_change(1)


async def test_listening_begins_when_the_block_is_entered(live):
    await live.publish(OWNER, a_change(1))
    async with live.listen(OWNER) as messages:
        await live.publish(OWNER, a_change(2))
        assert (await anext(messages)).event_id == 2


async def test_a_client_gets_no_messages_of_another_user(live):
    async with live.listen(OTHER_USER) as foreign, live.listen(OWNER) as own:
        await live.publish(OWNER, a_change(1))
        await live.publish(OTHER_USER, a_change(2))
        assert await anext(foreign) == a_change(2)
        assert await anext(own) == a_change(1)


async def test_every_client_of_a_user_gets_every_message(live):
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(live.listen(OWNER)) for _ in range(3)]
        await live.publish(OWNER, a_change(1))
        assert [await anext(messages) for messages in listeners] == [a_change(1)] * 3


async def test_publishing_without_clients_does_nothing(live):
    await live.publish(UserId(99), a_change(1))


async def test_a_client_that_fell_behind_is_cut_off_without_a_gap_or_harm_to_others(live):
    published = range(1, 50)
    async with live.listen(OWNER) as slow, live.listen(OWNER) as quick:
        received = []
        for position in published:
            await live.publish(OWNER, a_change(position))
            received.append((await anext(quick)).event_id)
        assert received == list(published)
        got = [message.event_id async for message in slow]
        assert got == list(range(1, len(got) + 1))
        assert len(got) < len(published)


async def test_missed_ticks_cut_no_client_off(live):
    async with live.listen(OWNER) as messages:
        for progress in range(100):
            await live.publish(OWNER, a_tick(progress))
        async with asyncio.timeout(DEADLINE):
            assert (await anext(messages)).event_id is None
            await live.publish(OWNER, a_change(7))
            while (await anext(messages)).event_id is None:
                pass


async def test_the_iterator_ends_with_its_block(live):
    async with live.listen(OWNER) as messages:
        waiting = asyncio.ensure_future(anext(messages, None))
        await asyncio.sleep(0)
    assert await waiting is None
    await live.publish(OWNER, a_change(1))
    assert [message async for message in messages] == []


async def test_a_tick_reaches_the_clients_of_another_process(redis, other):
    async with other.listen(OWNER) as there, redis.listen(OWNER) as here, other.listen(OTHER_USER) as foreign:
        await redis.publish(OWNER, a_tick(40))
        async with asyncio.timeout(DEADLINE):
            assert await anext(there) == a_tick(40)
            assert await anext(here) == a_tick(40), "once"
            await redis.publish(OTHER_USER, a_tick(50))
            assert await anext(foreign) == a_tick(50)


async def test_a_change_does_not_travel_between_processes(redis, other):
    async with other.listen(OWNER) as there, redis.listen(OWNER) as here:
        await redis.publish(OWNER, a_change(1))
        await redis.publish(OWNER, a_tick(40))
        async with asyncio.timeout(DEADLINE):
            assert await anext(here) == a_change(1)
            assert await anext(there) == a_tick(40)


async def test_without_redis_ticks_stay_in_their_process_and_come_back_with_it(request):
    server = request.getfixturevalue("own_redis")
    async with a_redis_live(server) as one, a_redis_live(server) as other:
        server.kill()
        async with one.listen(OWNER) as here, other.listen(OWNER) as there:
            await ticked(one, here)
            server.start()
            await ticked(one, there)


async def ticked(live, messages):
    """Publish until a client receives a message."""
    received = asyncio.ensure_future(anext(messages))
    async with asyncio.timeout(DEADLINE):
        while not received.done():
            await live.publish(OWNER, a_tick(1))
            await asyncio.wait({received}, timeout=0.05)
    assert await received == a_tick(1)


def test_ticks_keep_the_names_that_other_releases_read():
    message = LiveMessage(None, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, 40, START)
    tick = msgspec.msgpack.decode(encode_tick(UserId(7), message))
    assert tick == [
        7,
        {
            "eventId": None,
            "recordId": 1,
            "uploadId": 2,
            "processingStatus": "PROCESSING",
            "progress": 40,
            "at": tick[1]["at"],
        },
    ]
