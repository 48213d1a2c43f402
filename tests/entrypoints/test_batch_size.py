"""The batch size that an operator sets, across restarts."""

import orak
from orak.domain.actor import ADMIN

OPERATOR = orak.Actor(user_id=99, scopes=frozenset({ADMIN}))


async def size_of(use_cases):
    return (await use_cases.get_statistics(OPERATOR)).metrics.batch_size


async def test_the_operators_batch_size_outlives_a_restart_and_wins_over_the_setting(tmp_path):
    async with orak.running(orak.Settings(data_dir=tmp_path, batch_size=20)) as use_cases:
        assert await size_of(use_cases) == 20
        await use_cases.set_batch_size(OPERATOR, 7)
        assert await size_of(use_cases) == 7
    async with orak.running(orak.Settings(data_dir=tmp_path, batch_size=30)) as use_cases:
        assert await size_of(use_cases) == 7
