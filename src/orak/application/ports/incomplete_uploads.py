from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

import msgspec


class IncompleteUpload(msgspec.Struct, frozen=True):
    """Bytes of an object that does not exist because its writer never finished."""

    key: str
    handle: str
    begun_at: datetime


class IncompleteUploads(Protocol):
    """What killed writers left in a store beside its objects.

    Every method may raise `Unavailable`.
    """

    def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:
        """Iterate over unfinished uploads that began before *before*."""
        ...

    async def abandon(self, upload: IncompleteUpload) -> None:
        """Remove the bytes. Do nothing if the upload was finished or removed meanwhile."""
        ...
