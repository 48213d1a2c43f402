from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable


@dataclass(slots=True)
class BatchSize:
    """How many takes a batch has: what an operator set last, else what is configured."""

    batch_settings: BatchSettings
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
            self._last = await self.batch_settings.batch_size() or self.configured
        return self._last

    async def recent(self) -> int:
        """Return it as it was not longer than `age` ago, so that workers may ask before each take."""
        now = self.clock.now()
        if self._until is None or now >= self._until:
            self._until = now + self.age  # before the read: workers that ask meanwhile do not read as well
            await self()
        return self._last
