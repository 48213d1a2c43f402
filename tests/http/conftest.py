"""A running application in memory, and clients of it."""

import pytest

from http_api import STRANGER, an_api


@pytest.fixture
async def api():
    async with an_api() as api:
        yield api


@pytest.fixture
async def singer(api):
    return await api.caller()


@pytest.fixture
async def stranger(api):
    return await api.caller(STRANGER)


@pytest.fixture
async def anyone(api):
    return await api.caller(None)
