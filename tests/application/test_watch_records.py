"""A watch misses no change, whenever the process began to follow the event log."""

import asyncio

import pytest

from memory_orak import OWNER, a_memory_orak


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


async def test_a_watch_that_begins_before_the_process_follows_the_log_misses_no_event(service):
    first = await service.upload()
    await service.create(first)
    async with service.use_cases.watch_records(OWNER) as watch:
        second = await service.upload()
        await service.create(second)
        await service.use_cases.follow_events()
        messages = watch.heard()
        async with asyncio.timeout(5):
            assert (await anext(messages)).upload_id == second.id
        await messages.aclose()


async def test_missed_changes_come_first_and_each_change_comes_once(service):
    await service.create(await service.upload())
    async with service.use_cases.watch_records(OWNER, 0) as watch:
        missed = [message.event_id async for message in watch.missed()]
        await service.create(await service.upload())
        await service.use_cases.follow_events()
        messages = watch.heard()
        async with asyncio.timeout(5):
            assert (await anext(messages)).event_id > missed[-1]
        await messages.aclose()
    assert missed == sorted(set(missed))
