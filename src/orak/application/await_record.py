from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.snapshots import Snapshots
from orak.application.waits import WaitEnded, Waits
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class AwaitRecord:
    """Wait until a record's conversion has ended, in whichever process it runs.

    The row is polled at growing intervals.
    """

    snapshots: Snapshots
    clock: Clock
    waits: Waits

    async def __call__(self, actor: Actor, record_id: RecordId, *, seconds: float) -> RecordSnapshot:
        """Return the record once it is settled.

        After *seconds*, or when shutdown begins, return it as it is then. Raise `RecordNotFound` or
        `PermissionDenied`.
        """
        until, pause = self.clock.now() + timedelta(seconds=seconds), _FIRST_PAUSE_SECONDS
        snapshot = (await self.snapshots.get(record_id)).owned_by(actor)
        while not snapshot.is_settled and (left := (until - self.clock.now()).total_seconds()) > 0:
            try:
                async with self.waits.until_shutdown():
                    await self.clock.sleep(min(pause, left))
                    snapshot = (await self.snapshots.get(record_id)).owned_by(actor)
            except WaitEnded:
                return snapshot
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        return snapshot
