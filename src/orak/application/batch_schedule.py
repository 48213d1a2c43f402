from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orak.application.batch_size import BatchSize
from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.clock import Clock


@dataclass(slots=True)
class BatchSchedule:
    """Decides when this process begins a batch, and how large it is."""

    batch_settings: BatchSettings
    size: BatchSize
    clock: Clock
    interval: timedelta
    _due_at: datetime | None = field(init=False, default=None)
    _triggers: int | None = field(init=False, default=None)

    async def __call__(self) -> int | None:
        """Return the size of the batch that begins now; None if none does.

        The first begins with the first call. Another begins when the interval is over, or when an operator
        has triggered one, by any process. Raise `Unavailable`.
        """
        triggers, now = await self.batch_settings.triggers(), self.clock.now()
        is_triggered = self._triggers is not None and triggers != self._triggers
        if not is_triggered and self._due_at is not None and now < self._due_at:
            return None
        size = await self.size()
        self._triggers, self._due_at = triggers, now + self.interval
        return size
