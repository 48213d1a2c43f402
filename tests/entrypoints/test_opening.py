"""Every opened part is closed, even after a cancellation or a failure."""

import asyncio
from contextlib import suppress

import pytest
from dependency_injector import providers

from orak.entrypoints.opening import opened


class Part:
    """A part that closes when the test allows it, or fails to close."""

    def __init__(self, log: list[str], name: str, *, failing: bool = False) -> None:
        self.log = log
        self.name = name
        self.failing = failing
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()

    def resource(self):
        async def open_it():
            yield self
            self.closing.set()
            await self.may_close.wait()
            if self.failing:
                raise RuntimeError("cannot close")
            self.log.append(self.name)

        return providers.Resource(open_it)


@pytest.fixture
def closed():
    return []


async def test_a_second_cancellation_leaves_no_part_open(closed):
    first, second = Part(closed, "first"), Part(closed, "second")
    inside = asyncio.Event()

    async def body():
        async with opened(first.resource(), second.resource()):
            inside.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(body())
    await inside.wait()
    running.cancel()
    await second.closing.wait()
    running.cancel()
    second.may_close.set()
    await first.closing.wait()
    running.cancel()
    first.may_close.set()
    with suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()
    assert closed == ["second", "first"]


async def test_a_part_that_fails_to_close_leaves_no_other_open(closed, caplog):
    first, second = Part(closed, "first"), Part(closed, "second", failing=True)
    for part in (first, second):
        part.may_close.set()
    async with opened(first.resource(), second.resource()):
        pass
    assert closed == ["first"]
    assert "failed to close" in caplog.text
