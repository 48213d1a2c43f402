from datetime import timedelta

import pytest

from aws_server import aws_server  # noqa: F401 - a fixture
from builders import START
from databases import migrated_file, postgresql_server, postgresql_url, sqlite_file, sqlite_url  # noqa: F401
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.persistence.sql.database import SqlPersistence
from s3_servers import s3_server  # noqa: F401 - a fixture

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
