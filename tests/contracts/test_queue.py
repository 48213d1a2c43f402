"""The promises of every `Queue` and of the workers that it wakes."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from waiting_uploads import WaitingUploads, a_pool, a_sender, a_worker


@pytest.fixture
async def takes():
    return WaitingUploads()


@pytest.fixture(params=["inline", "taskiq"])
async def queue(request, takes):
    async with AsyncExitStack() as stack:
        if request.param == "inline":
            yield await stack.enter_async_context(a_pool(takes))
        else:
            server = request.getfixturevalue("redis_server")
            await stack.enter_async_context(a_worker(server, takes))
            yield await stack.enter_async_context(a_sender(server))


async def test_a_wake_up_makes_a_worker_look(queue, takes):
    takes.open.set()
    takes.waiting.append(1)
    await queue.wake()
    await takes.until(lambda: takes.done == [1])


async def test_one_wake_up_drains_everything(queue, takes):
    takes.open.set()
    takes.waiting.extend(range(10))
    await queue.wake()
    await takes.until(lambda: sorted(takes.done) == list(range(10)))


async def test_a_wake_up_without_a_waiting_upload_does_no_harm(queue, takes):
    await queue.wake()
    await takes.until(lambda: takes.looks)
    takes.open.set()
    takes.waiting.append(1)
    await queue.wake()
    await takes.until(lambda: takes.done == [1])


async def test_more_wake_ups_than_workers_lose_no_upload(queue, takes):
    takes.waiting.extend(range(5))
    for _ in range(5):
        await queue.wake()
    await takes.until(lambda: takes.running == 2)
    takes.open.set()
    await takes.until(lambda: len(takes.done) == 5)


async def test_a_cancelled_caller_does_no_harm(queue, takes):
    takes.open.set()
    for _ in range(20):
        call = asyncio.create_task(queue.wake())
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    takes.waiting.append(1)
    await queue.wake()
    await takes.until(lambda: takes.done == [1])


async def test_many_concurrent_callers_lose_no_upload(queue, takes):
    takes.open.set()
    takes.waiting.extend(range(200))
    await asyncio.gather(*(queue.wake() for _ in range(200)))
    await takes.until(lambda: sorted(takes.done) == list(range(200)))
