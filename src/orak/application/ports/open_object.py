from collections.abc import AsyncIterator
from typing import Protocol

from orak.domain.upload import StoredObject


class OpenObject(Protocol):
    """One version of an object, open for reading.

    Later changes under its key do not affect it.
    """

    @property
    def info(self) -> StoredObject:
        """The metadata of the open version."""
        ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Read the bytes from *start* up to, not including, *stop*. Can be called once."""
        ...

    async def close(self) -> None:
        """Release the object. Closing twice is allowed."""
        ...
