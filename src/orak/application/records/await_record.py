from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.snapshots import Snapshots
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class AwaitRecord:
    """Wait until a take is converted, or has failed, wherever it is converted.

    The row is read again and again, at growing intervals: whoever converts may be another process.
    """

    snapshots: Snapshots
    clock: Clock

    async def __call__(self, actor: Actor, record_id: RecordId, *, seconds: float) -> RecordSnapshot:
        """Return the recording when it is settled, or as it is after *seconds*.

        Raise `RecordNotFound` or `PermissionDenied`.
        """
        until, pause = self.clock.now() + timedelta(seconds=seconds), _FIRST_PAUSE
        while True:
            snapshot = (await self.snapshots.get(record_id)).owned_by(actor)
            left = (until - self.clock.now()).total_seconds()
            if snapshot.is_settled or left <= 0:
                return snapshot
            await self.clock.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
