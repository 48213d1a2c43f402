"""Where bytes live. Every method that does I/O may raise `Unavailable`."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from orak.domain.errors import OrakError
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject


class SignedRequest(msgspec.Struct, frozen=True):
    """A request that the store accepts from anyone who sends exactly this, until it expires."""

    method: str
    url: str
    headers: Mapping[str, str]
    """What must be sent beside what every HTTP client sends by itself (Host, Content-Length)."""
    expires_at: datetime


class ListedObject(msgspec.Struct, frozen=True):
    """What a store says of an object that it lists; no store tells the type there."""

    key: ObjectKey
    size: int
    modified_at: datetime


class ObjectMissing(OrakError):
    """There is no object under this key."""


class ObjectChanged(OrakError):
    """The object under this key is not the one whose ETag was pinned."""


class Storage(Protocol):
    """An object store."""

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload of exactly this type and length to this key. No I/O.

        With *create_only* a second PUT is refused; a store may always refuse it.
        """
        ...

    def presign_get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a download. No I/O, so the object need not exist."""
        ...

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Return what lies under *key*, or None."""
        ...

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Write the object to a new file.

        Raises:
            ObjectMissing: nothing lies there.
            ObjectChanged: it is another than the one that *etag* names; no file is left.
        """
        ...

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*, whole and durable when this returns, replacing what is there."""
        ...

    async def delete(self, key: ObjectKey) -> None:
        """Remove the object; absent already: nothing happens."""
        ...

    def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Walk the objects whose keys begin with *prefix*, in the order of their keys' UTF-8 bytes."""
        ...


class IncompleteUpload(msgspec.Struct, frozen=True):
    """Bytes of an object that is not there, because whoever was writing it never came to the end."""

    key: str
    handle: str
    begun_at: datetime


class IncompleteUploads(Protocol):
    """What writers that were killed left in a store, beside its objects. May raise `Unavailable`."""

    def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:
        """Walk what was begun before then and is not finished."""
        ...

    async def abandon(self, upload: IncompleteUpload) -> None:
        """Remove it; finished or removed meanwhile: nothing happens."""
        ...


class InvalidSignature(OrakError):
    """The signature is not for this request, or its time is over."""


class ObjectExists(OrakError):
    """An object lies under this key, and a stored object is never overwritten by a PUT."""


class LengthMismatch(OrakError):
    """The body was longer or shorter than signed, or of unknown length; nothing was stored."""


class OpenObject(Protocol):
    """One version of an object, ready to be read; what happens to the key meanwhile does not matter."""

    @property
    def info(self) -> StoredObject:
        """What is open."""
        ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Read the bytes from *start* up to, not including, *stop*. Can be called once."""
        ...

    async def close(self) -> None:
        """Let go of it; closing twice is fine."""
        ...


class ObjectServer(Protocol):
    """The HTTP side of a store that has none of its own: what `Storage.presign_…` signed is checked here."""

    async def receive(
        self,
        key: str,
        query: Mapping[str, str],
        *,
        content_type: str | None,
        content_length: int | None,
        body: AsyncIterator[bytes],
    ) -> StoredObject:
        """Store the body of a signed PUT: all of it, durable, or nothing at all.

        Raises:
            InvalidSignature: wrong or expired signature, another method, key or type than signed.
            ObjectExists: the key is taken; also when two PUTs race, for all but one.
            LengthMismatch: Content-Length is absent or another than signed, or the body did not hold it.
        """
        ...

    async def open_signed(self, key: str, query: Mapping[str, str]) -> OpenObject:
        """Open the object of a signed GET. Raise `InvalidSignature` or `ObjectMissing`."""
        ...


IMMUTABLE = "public, max-age=31536000, immutable"
"""The Cache-Control of published objects: no attempt writes under another's key, so what lies under one of
them never changes (RFC 8246)."""


class MediaRedirect(msgspec.Struct, frozen=True):
    """An object is to be had from the store itself, at a URL that anyone may follow."""

    get: str
    head: str
    """The URLs for either method: a signature is for one."""
    kept: timedelta
    """So long may somebody remember that; the URLs live longer."""


class PublicMedia(Protocol):
    """The public folder, for whoever asks."""

    async def open_public(self, key: str) -> OpenObject | MediaRedirect:
        """Open a published object, or say where it is to be had; whether it is, is told there.

        Raise `ObjectMissing` for any key outside of the public folder, and `Unavailable`.
        """
        ...
