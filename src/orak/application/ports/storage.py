from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from orak.domain.errors import OrakError
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject


class SignedRequest(msgspec.Struct, frozen=True):
    """A request that the store accepts from any client until it expires.

    The client must send exactly this request.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    """Headers to send, beside those that every HTTP client adds (Host, Content-Length)."""
    expires_at: datetime


class ListedObject(msgspec.Struct, frozen=True):
    """One entry of an object listing; listings do not include the content type."""

    key: ObjectKey
    size: int
    modified_at: datetime


class ObjectMissing(OrakError):
    """No object has this key."""

    summary = "the object does not exist"


class ObjectChanged(OrakError):
    """The object under this key is not the one whose ETag was pinned."""

    summary = "the object was replaced after it was verified"


class Storage(Protocol):
    """An object store. Every method that does I/O may raise `Unavailable`."""

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload of exactly this type and length to this key. No I/O.

        *create_only* asks the store to refuse a second PUT. The headers of the result say whether it will:
        not every store can, and some always refuse it.
        """
        ...

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Return the object's metadata, or None if no object has this key."""
        ...

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Write the object to a new file.

        Raises:
            ObjectMissing: no object has this key.
            ObjectChanged: the object's ETag is not *etag*; no file is left.
        """
        ...

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*, replacing any object there.

        The object is whole and durable on return.
        """
        ...

    async def delete(self, key: ObjectKey) -> None:
        """Delete the object. Do nothing if it does not exist."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Iterate over the objects whose keys begin with *prefix*.

        They come in the order of their keys' UTF-8 bytes.
        """
        ...
