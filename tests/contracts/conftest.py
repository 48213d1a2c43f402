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


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def persistence(request, clock):
    if request.param == "memory":
        opening = MemoryPersistence.open(clock=clock, lease=LEASE)
    else:
        url = request.getfixturevalue(f"{request.param}_url")
        opening = SqlPersistence.open(url, clock=clock, lease=LEASE)
    async with opening as opened:
        yield opened
