from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable


@dataclass(slots=True)
class BatchSize:
    """How many uploads a batch starts.

    It is the size that an operator set last, or the configured one.
    """

    batch_settings: BatchSettings
    configured: int
    clock: Clock
    age: timedelta
    """How long `recent` may return the last size without reading it again."""
    _last: int = field(init=False)
    _until: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._last = self.configured

    async def __call__(self) -> int:
        """Return the size.

        While the database cannot be reached, return the size that was read last.
        """
        with suppress(Unavailable):
            self._last = await self.batch_settings.batch_size() or self.configured
        return self._last

    async def recent(self) -> int:
        """Return the size, read at most `age` ago; workers ask before each upload."""
        now = self.clock.now()
        if self._until is None or now >= self._until:
            self._until = now + self.age  # set first, so that concurrent callers do not read too
            await self()
        return self._last
