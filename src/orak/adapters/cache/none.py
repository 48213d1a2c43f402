from datetime import datetime

from orak.domain.identity import RecordId
from orak.domain.record import Recording


class NoCache:
    """A `RecordingCache` that keeps nothing: for processes that cannot tell each other what they changed."""

    async def get(self, record_id: RecordId) -> Recording | None:
        """Know nothing."""

    async def put(self, recording: Recording, *, read_at: datetime) -> None:
        """Keep nothing."""

    async def withhold(self, record_id: RecordId) -> None:
        """Have nothing to forget."""
