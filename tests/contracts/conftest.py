from datetime import timedelta

import pytest

from builders import START
from databases import migrated_file, sqlite_file, sqlite_url  # noqa: F401 - fixtures
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.persistence.sql.database import SqlPersistence
from s3_servers import s3_server  # noqa: F401 - a fixture

LEASE = timedelta(seconds=30)


@pytest.fixture
def clock():
    return FrozenClock(START)


@pytest.fixture(params=["memory", "sqlite"])
async def persistence(request, clock, sqlite_url):  # noqa: F811
    if request.param == "memory":
        opening = MemoryPersistence.open(clock=clock, lease=LEASE)
    else:
        opening = SqlPersistence.open(sqlite_url, clock=clock, lease=LEASE)
    async with opening as opened:
        yield opened
