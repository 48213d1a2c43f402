"""A few trials; `just chaos` runs many."""

from pathlib import Path

import pytest

from reliability.trial import run_trial
from reliability.world import cluster, embedded, meddled, networked

if not Path("/proc/self/task").exists():
    pytest.skip("only Linux ends converters with a process that is killed", allow_module_level=True)


@pytest.mark.parametrize(("world", "seed"), [(embedded, 1), (cluster, 2), (meddled, 3), (networked, 4)])
async def test_nothing_acknowledged_is_lost_or_doubled(world, seed):
    outcome = await run_trial(world, seed, seconds=8)
    assert outcome.is_good, (str(outcome), outcome.verdict.wrong, outcome.history.surprises)
    assert outcome.verdict.acknowledged > 0
    assert outcome.history.faults
    assert bool(outcome.verdict.replaced) == (world is meddled)
