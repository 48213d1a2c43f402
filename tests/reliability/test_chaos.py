"""A short trial in each world; `just chaos` runs many."""

from pathlib import Path

import pytest

from reliability.trial import run_trial
from reliability.world import cluster, embedded, meddled, networked

# Elsewhere a converter outlives its killed parent, and the trial would count it as a fault.
if not Path("/proc/self/task").exists():
    pytest.skip("only Linux ends converters together with a killed process", allow_module_level=True)


@pytest.mark.parametrize(("world", "seed"), [(embedded, 1), (cluster, 2), (meddled, 3), (networked, 4)])
async def test_no_acknowledged_record_is_lost_or_duplicated(world, seed):
    outcome = await run_trial(world, seed, seconds=8)
    assert outcome.passed, (str(outcome), outcome.verdict.problems, outcome.history.surprises)
    assert outcome.verdict.acknowledged > 0
    assert outcome.history.faults
    assert bool(outcome.verdict.replaced) == (world is meddled)
