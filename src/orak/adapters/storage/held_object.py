from collections.abc import AsyncIterator

import msgspec

from orak.adapters.storage.body import CHUNK
from orak.domain.upload import StoredObject


class HeldObject(msgspec.Struct, frozen=True):
    """An `OpenObject` that memory holds whole; because it is immutable, it can be opened repeatedly."""

    info: StoredObject
    content: bytes

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Read from *start* up to *stop*."""
        for at in range(start, min(stop, self.info.size), CHUNK):
            yield self.content[at : min(at + CHUNK, stop)]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
