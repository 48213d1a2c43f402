"""What every Live promises."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from builders import SINGER, START, STRANGER
from orak.adapters.live.memory import MemoryLive
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus

CAPACITY = 8


@pytest.fixture
def memory():
    return MemoryLive(capacity=CAPACITY)


@pytest.fixture(params=["memory"])
def live(request):
    return request.getfixturevalue(request.param)


def a_change(position: int) -> LiveMessage:
    return LiveMessage(position, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, 0, START)


def a_tick(progress: int) -> LiveMessage:
    return LiveMessage(None, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, progress, START)


async def test_a_listener_gets_what_is_published_in_order(live):
    async with live.listen(SINGER) as messages:
        for position in (1, 2, 3):
            await live.publish(SINGER, a_change(position))
        assert [(await anext(messages)).event_id for _ in range(3)] == [1, 2, 3]


async def test_a_listener_that_waits_is_woken(live):
    async with live.listen(SINGER) as messages:
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        await live.publish(SINGER, a_change(1))
        assert await waiting == a_change(1)


async def test_listening_begins_when_the_block_is_entered(live):
    await live.publish(SINGER, a_change(1))
    async with live.listen(SINGER) as messages:
        await live.publish(SINGER, a_change(2))
        assert (await anext(messages)).event_id == 2


async def test_nobody_hears_of_another_users_recordings(live):
    async with live.listen(STRANGER) as foreign, live.listen(SINGER) as own:
        await live.publish(SINGER, a_change(1))
        await live.publish(STRANGER, a_change(2))
        assert await anext(foreign) == a_change(2)
        assert await anext(own) == a_change(1)


async def test_every_listener_of_a_user_gets_everything(live):
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(live.listen(SINGER)) for _ in range(3)]
        await live.publish(SINGER, a_change(1))
        assert [await anext(messages) for messages in listeners] == [a_change(1)] * 3


async def test_publishing_to_nobody_does_nothing(live):
    await live.publish(UserId(99), a_change(1))


async def test_a_listener_that_fell_behind_is_cut_without_a_gap_and_harms_nobody(live):
    published = range(1, 50)
    async with live.listen(SINGER) as slow, live.listen(SINGER) as quick:
        heard = []
        for position in published:
            await live.publish(SINGER, a_change(position))
            heard.append((await anext(quick)).event_id)
        assert heard == list(published)
        got = [message.event_id async for message in slow]
        assert got == list(range(1, len(got) + 1))
        assert len(got) < len(published)


async def test_missed_ticks_cut_nobody(live):
    async with live.listen(SINGER) as messages:
        for progress in range(100):
            await live.publish(SINGER, a_tick(progress))
        assert (await anext(messages)).progress == 0
        await live.publish(SINGER, a_change(7))
        rest = [await anext(messages) for _ in range(CAPACITY)]
        assert rest[-1] == a_change(7)


async def test_the_iterator_ends_with_its_block(live):
    async with live.listen(SINGER) as messages:
        waiting = asyncio.ensure_future(anext(messages, None))
        await asyncio.sleep(0)
    assert await waiting is None
    await live.publish(SINGER, a_change(1))
    assert [message async for message in messages] == []
