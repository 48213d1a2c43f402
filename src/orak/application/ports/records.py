from typing import Protocol

from orak.domain.identity import RecordId
from orak.domain.record import Record


class Records(Protocol):
    """Records, at most one for each upload. Every method may raise `Unavailable`."""

    async def get(self, record_id: RecordId) -> Record:
        """Return the record. Raise `RecordNotFound`."""
        ...

    async def save(self, record: Record) -> Record:
        """Store a changed record; its version rises by one.

        Raise `StaleVersion` like `Uploads.save`.
        """
        ...

    async def remove(self, record_id: RecordId) -> None:
        """Remove the record. Raise `RecordNotFound` if it is gone."""
        ...
