"""Calls in groups: every caller gets an answer, whatever happens to its group."""

import asyncio

import pytest

from orak.adapters.persistence.sql.groups import Groups
from orak.application.ports.failures import Unavailable


async def outcomes_of(groups, *asked):
    async with asyncio.timeout(10):
        return await asyncio.gather(*map(groups.ask, asked), return_exceptions=True)


async def test_each_caller_gets_its_own_outcome():
    async def double(group):
        return [2 * asked for asked in group]

    assert await outcomes_of(Groups(double), 1, 2, 3) == [2, 4, 6]


@pytest.mark.parametrize("most", [1, 500])
async def test_callers_of_a_cancelled_group_get_an_answer(most):
    async def cancelled(_):
        raise asyncio.CancelledError

    groups = Groups(cancelled, most=most)
    for _ in range(2):  # the next group begins
        assert [type(outcome) for outcome in await outcomes_of(groups, 1, 2)] == [Unavailable] * 2
    await groups.close()


@pytest.mark.parametrize("outcomes", [[], [1], [1, 2, 3]])
async def test_a_wrong_number_of_outcomes_is_an_error_of_every_call(outcomes):
    async def answer(_):
        return outcomes

    groups = Groups(answer)
    assert [type(outcome) for outcome in await outcomes_of(groups, 1, 2)] == [Unavailable] * 2
