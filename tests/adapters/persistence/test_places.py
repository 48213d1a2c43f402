"""Places for work on the database: first come, first served."""

import asyncio

import pytest

from orak.adapters.persistence.sql.places import Places
from orak.application.ports.failures import Unavailable


async def settled():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_newcomers_never_overtake_those_who_wait():
    places, came, served = Places(2, patience=10), [], []

    async def work(number):
        came.append(number)
        async with places:
            served.append(number)
            await asyncio.sleep(0)
        if number < 100:
            await work(number + 10)  # as a client that comes back at once

    await asyncio.gather(*(work(number) for number in range(10)))
    assert served == came


async def test_waiting_too_long_is_unavailable_and_takes_no_place():
    places = Places(1, patience=0)
    async with places:
        with pytest.raises(Unavailable, match="busy"):
            async with places:
                pass
    async with places:
        pass


async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_place():
    places, done = Places(1, patience=10), asyncio.Event()

    async def work():
        async with places:
            await done.wait()

    working, waiting, last = [asyncio.create_task(work()) for _ in range(3)]
    await settled()
    waiting.cancel()
    await settled()
    done.set()
    async with asyncio.timeout(5):
        await asyncio.gather(working, last)
    assert waiting.cancelled()
