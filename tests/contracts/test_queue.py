"""The promises of every `Queue` and of the workers that it wakes."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from waiting_uploads import WaitingUploads, a_pool, a_sender, a_worker


@pytest.fixture
async def uploads():
    return WaitingUploads()


@pytest.fixture(params=["inline", "taskiq"])
async def queue(request, uploads):
    async with AsyncExitStack() as stack:
        if request.param == "inline":
            yield await stack.enter_async_context(a_pool(uploads))
        else:
            server = request.getfixturevalue("redis_server")
            await stack.enter_async_context(a_worker(server, uploads))
            yield await stack.enter_async_context(a_sender(server))


async def test_a_wake_up_starts_a_worker(queue, uploads):
    uploads.open.set()
    uploads.waiting.append(1)
    await queue.wake()
    await uploads.until(lambda: uploads.done == [1])


async def test_each_wake_up_starts_one_upload(queue, uploads):
    uploads.open.set()
    uploads.waiting.extend(range(10))
    for number in range(3):
        await queue.wake()
        await uploads.until(lambda: len(uploads.done) > number)  # noqa: B023 - waited for here
        assert (uploads.done, uploads.looks) == (list(range(number + 1)), number + 1)


async def test_a_wake_up_for_later_comes_when_it_is_due(queue, uploads):
    uploads.open.set()
    uploads.waiting.extend(range(2))
    queue.wake_at(datetime.now(UTC) + timedelta(hours=1))
    queue.wake_at(datetime.now(UTC) + timedelta(milliseconds=10))
    await uploads.until(lambda: uploads.done == [0])


async def test_a_wake_up_without_a_waiting_upload_does_no_harm(queue, uploads):
    await queue.wake()
    await uploads.until(lambda: uploads.looks)
    uploads.open.set()
    uploads.waiting.append(1)
    await queue.wake()
    await uploads.until(lambda: uploads.done == [1])


async def test_more_wake_ups_than_workers_lose_no_upload(queue, uploads):
    uploads.waiting.extend(range(5))
    for _ in range(5):
        await queue.wake()
    await uploads.until(lambda: uploads.running == 2)
    uploads.open.set()
    await uploads.until(lambda: len(uploads.done) == 5)


async def test_a_cancelled_caller_does_no_harm(queue, uploads):
    uploads.open.set()
    for _ in range(20):
        call = asyncio.create_task(queue.wake())
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    uploads.waiting.append(1)
    await queue.wake()
    await uploads.until(lambda: uploads.done == [1])


async def test_many_concurrent_callers_lose_no_upload(queue, uploads):
    uploads.open.set()
    uploads.waiting.extend(range(200))
    await asyncio.gather(*(queue.wake() for _ in range(200)))
    await uploads.until(lambda: sorted(uploads.done) == list(range(200)))
