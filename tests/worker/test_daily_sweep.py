"""Objects without a row are removed once a day, whichever process does it."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from memory_orak import UnavailableStorage, a_memory_orak
from orak.adapters.clock.frozen import FrozenClock
from orak.application.find_strays import FindStrays
from orak.application.ports.failures import Unavailable
from orak.entrypoints.worker.daily_sweep import DailySweep

HOUR = timedelta(hours=1)


@pytest.fixture
async def service():
    async with a_memory_orak(FrozenClock()) as service:
        yield service


@pytest.fixture
async def sweeps(service):
    """The daily sweeps of two processes."""
    work = service.persistence.daily_work
    return [DailySweep(service.use_cases.sweep_objects, work, service.clock) for _ in range(2)]


async def a_stray(service, number):
    key = f"recordings/00000000-0000-4000-8000-00000000000{number}_take.webm"
    with tempfile.NamedTemporaryFile() as file:
        await service.storage.publish(key, Path(file.name), content_type="audio/webm")
    return key


async def left(service):
    return [stored.key async for stored in service.storage.list("")]


async def test_one_of_all_processes_sweeps_once_a_day(service, sweeps):
    kept = (await service.upload()).key
    await a_stray(service, 8)
    service.clock.advance(25 * HOUR)
    for sweep in sweeps:
        await sweep()
    assert await left(service) == [kept]
    second = await a_stray(service, 9)
    service.clock.advance(23 * HOUR)
    for sweep in sweeps:
        await sweep()
    assert await left(service) == [kept, second]
    service.clock.advance(2 * HOUR)
    await sweeps[1]()
    assert await left(service) == [kept]


async def test_nothing_is_removed_if_the_database_knows_none_of_the_objects(service, sweeps, caplog):
    stray = await a_stray(service, 9)
    service.clock.advance(25 * HOUR)
    await sweeps[0]()
    assert await left(service) == [stray]
    assert "orak sweep --dry-run" in caplog.text


class Away(UnavailableStorage):
    async def list(self, _prefix):
        raise Unavailable("the store does not answer")
        yield


async def test_a_sweep_that_failed_is_tried_again_by_the_next_look(service, sweeps):
    kept = (await service.upload()).key
    await a_stray(service, 9)
    service.clock.advance(25 * HOUR)
    strays = FindStrays(service.persistence.arrivals, Away())
    away = replace(sweeps[0], sweep_objects=replace(service.use_cases.sweep_objects, strays=strays))
    with pytest.raises(Unavailable):
        await away()
    assert len(await left(service)) == 2
    await sweeps[1]()
    assert await left(service) == [kept]
