"""A watch misses no change, whenever the process began to follow the event log."""

import asyncio

import pytest

from house import SINGER, a_house


@pytest.fixture
async def house():
    async with a_house() as house:
        yield house


async def test_a_watch_that_begins_before_the_process_follows_the_log_misses_nothing(house):
    first = await house.upload()
    await house.create(first)
    async with house.use_cases.watch_records(SINGER) as watch:
        second = await house.upload()
        await house.create(second)
        await house.use_cases.follow_events()
        heard = watch.heard()
        async with asyncio.timeout(5):
            assert (await anext(heard)).upload_id == second.id
        await heard.aclose()


async def test_missed_changes_come_first_and_each_change_comes_once(house):
    await house.create(await house.upload())
    async with house.use_cases.watch_records(SINGER, 0) as watch:
        missed = [message.event_id async for message in watch.missed()]
        await house.create(await house.upload())
        await house.use_cases.follow_events()
        heard = watch.heard()
        async with asyncio.timeout(5):
            assert (await anext(heard)).event_id > missed[-1]
        await heard.aclose()
    assert missed == sorted(set(missed))
