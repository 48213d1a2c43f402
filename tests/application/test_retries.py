from datetime import timedelta

import pytest

from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.retries import with_retries


class ImpatientClock(FrozenClock):
    """A clock whose `sleep` returns at once."""

    async def sleep(self, seconds):
        self.advance(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("error", "seconds", "tries"),
    [
        (Unavailable("away"), 0.5, 3),
        (Unavailable("silent"), 7, 1),
        (StaleVersion(), 0.5, 3),
        (StaleVersion(), 7, 3),
    ],
)
async def test_a_short_outage_is_retried_and_a_long_one_is_not(error, seconds, tries):
    clock, tried = ImpatientClock(), []

    async def work():
        tried.append(clock.now())
        clock.advance(timedelta(seconds=seconds))
        raise error

    with pytest.raises(type(error)):
        await with_retries(clock, work)
    assert len(tried) == tries
