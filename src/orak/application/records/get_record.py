from dataclasses import dataclass

from orak.application.ports.persistence import Recordings
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.record import Recording


@dataclass(frozen=True, slots=True)
class GetRecord:
    """Show a record and how far its take is, to its owner."""

    recordings: Recordings

    async def __call__(self, actor: Actor, record_id: RecordId) -> Recording:
        """Raise `RecordNotFound` or `PermissionDenied`."""
        return (await self.recordings.get(record_id)).owned_by(actor)
