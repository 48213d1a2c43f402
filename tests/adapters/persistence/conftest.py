from datetime import timedelta

import pytest

from builders import START
from databases import migrated_file, postgresql_server, postgresql_url, sqlite_file, sqlite_url  # noqa: F401
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.sql.database import SqlPersistence

LEASE = timedelta(seconds=30)


@pytest.fixture
def clock():
    return FrozenClock(START)


@pytest.fixture
async def sqlite(clock, sqlite_url):  # noqa: F811
    async with SqlPersistence.open(sqlite_url, clock=clock, lease=LEASE) as opened:
        yield opened


@pytest.fixture
async def postgresql(clock, postgresql_url):  # noqa: F811
    async with SqlPersistence.open(postgresql_url, clock=clock, lease=LEASE) as opened:
        yield opened
