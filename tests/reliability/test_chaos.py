"""A few trials; `just chaos` runs many."""

from pathlib import Path

import pytest

from reliability.trial import run_trial
from reliability.world import embedded

if not Path("/proc/self/task").exists():
    pytest.skip("trials kill processes as Linux does", allow_module_level=True)


@pytest.mark.parametrize("seed", [1])
async def test_nothing_acknowledged_is_lost_or_doubled_when_the_only_process_is_killed(seed):
    outcome = await run_trial(embedded, seed, seconds=8)
    assert outcome.is_good, (str(outcome), outcome.verdict.wrong, outcome.history.surprises)
    assert outcome.verdict.acknowledged > 0
    assert outcome.history.faults
