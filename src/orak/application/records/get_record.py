from dataclasses import dataclass

from orak.application.ports.cache import RecordingCache
from orak.application.ports.clock import Clock
from orak.application.ports.persistence import Recordings
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.processing import ProcessingStatus
from orak.domain.record import Recording


@dataclass(frozen=True, slots=True)
class GetRecord:
    """Show a record and how far its take is, to its owner.

    A finished one may come from the cache: whoever changes it has withheld it there first.
    """

    recordings: Recordings
    cache: RecordingCache
    clock: Clock

    async def __call__(self, actor: Actor, record_id: RecordId) -> Recording:
        """Raise `RecordNotFound` or `PermissionDenied`."""
        recording = await self.cache.get(record_id)
        if recording is None:
            read_at = self.clock.now()
            recording = await self.recordings.get(record_id)
            if recording.upload.status is ProcessingStatus.COMPLETED:
                await self.cache.put(recording, read_at=read_at)
        return recording.owned_by(actor)
