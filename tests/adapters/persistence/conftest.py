from datetime import timedelta

import pytest

from builders import START
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.persistence.sql.database import SqlPersistence

LEASE = timedelta(seconds=30)


@pytest.fixture
def clock():
    return FrozenClock(START)


@pytest.fixture
async def memory(clock):
    async with MemoryPersistence.open(clock=clock, lease=LEASE) as opened:
        yield opened


@pytest.fixture
async def sqlite(clock, sqlite_url):
    async with SqlPersistence.open(sqlite_url, clock=clock, lease=LEASE) as opened:
        yield opened


@pytest.fixture
async def postgresql(clock, postgresql_url):
    async with SqlPersistence.open(postgresql_url, clock=clock, lease=LEASE) as opened:
        yield opened
