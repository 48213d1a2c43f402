from dataclasses import dataclass

from orak.application.ports.persistence import Recordings
from orak.application.requeuing import Requeuing
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import Recording


@dataclass(frozen=True, slots=True)
class RetryRecord:
    """Convert a failed take once more, with a fresh budget of failures."""

    recordings: Recordings
    requeuing: Requeuing

    async def __call__(self, actor: Actor, record_id: RecordId) -> Recording:
        """Raise `StateConflict` unless it failed and the very bytes that were verified are still there."""
        recording = (await self.recordings.get(record_id)).owned_by(actor)
        await self.requeuing(recording.upload)
        return await self.recordings.get(record_id)
