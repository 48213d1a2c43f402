"""A running application in memory, and clients of it."""

import pytest

from http_api import OTHER_USER, an_api


@pytest.fixture
async def api():
    async with an_api() as api:
        yield api


@pytest.fixture
async def owner(api):
    return await api.caller()


@pytest.fixture
async def other_user(api):
    return await api.caller(OTHER_USER)


@pytest.fixture
async def anonymous(api):
    return await api.caller(None)
