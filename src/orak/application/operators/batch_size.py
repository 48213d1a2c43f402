from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.reports import Reports
from orak.domain.actor import Actor
from orak.domain.errors import Rejected
from orak.domain.policies import batch_size_problem


@dataclass(frozen=True, slots=True)
class SetBatchSize:
    """Set how many takes a batch has, for every worker; each follows within one interval, and keeps to it."""

    reports: Reports

    async def __call__(self, actor: Actor, size: int | None) -> int:
        """Return the size. Raise `AdminRequired`, or `Rejected` for a size that is not from 1 to 1000."""
        actor.check_admin()
        problem = batch_size_problem("size", size)
        if problem is not None or size is None:
            raise Rejected([problem] if problem else [])
        await self.reports.set_batch_size(size)
        return size


@dataclass(slots=True)
class BatchSize:
    """How many takes a batch has: what an operator set last, else what is configured."""

    reports: Reports
    configured: int
    clock: Clock
    age: timedelta
    """For how long `recent` goes by what was read."""
    _last: int = field(init=False)
    _until: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._last = self.configured

    async def __call__(self) -> int:
        """Return it; while the database cannot be reached, as it was last known."""
        with suppress(Unavailable):
            self._last = await self.reports.batch_size() or self.configured
        return self._last

    async def recent(self) -> int:
        """Return it as it was not longer than `age` ago, so that workers may ask before each take."""
        now = self.clock.now()
        if self._until is None or now >= self._until:
            self._until = now + self.age  # before the read: workers that ask meanwhile do not read as well
            await self()
        return self._last
