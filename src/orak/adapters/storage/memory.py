import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from orak.adapters.storage.body import etag, exactly, same_object
from orak.adapters.storage.disk import on_disk, write_new
from orak.adapters.storage.held_object import HeldObject
from orak.adapters.storage.keys import check_key
from orak.adapters.storage.url_signing import UrlSigner
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUpload
from orak.application.ports.object_server import LengthMismatch
from orak.application.ports.storage import ListedObject, ObjectChanged, ObjectMissing, SignedRequest
from orak.domain.identity import PUBLISHED, ObjectKey
from orak.domain.upload import StoredObject


class MemoryStorage:
    """A `Storage` in the memory of one process, for embedding and tests.

    It is also `ObjectServer`, `PublicMedia` and `IncompleteUploads`. Objects are lost when the process ends,
    and no other process sees them. Memory holds every object whole, and nothing limits their total size.
    """

    def __init__(self, public_url: str, secret: bytes, clock: Clock) -> None:
        self._signer = UrlSigner(public_url, secret, clock)
        self._clock = clock
        self._objects: dict[str, HeldObject] = {}

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload; a PUT never overwrites, even without *create_only*."""
        return self._signer.put(
            key,
            content_type=content_type,
            content_length=content_length,
            create_only=create_only,
            life=life,
        )

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Return the object's metadata, or None if no object has this key."""
        found = self._objects.get(key)
        return found.info if found else None

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Write the object to a new file."""
        found = self._find(key)
        if found.info.etag != etag:
            raise ObjectChanged
        await on_disk(write_new, to, [found.content])

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*; replace an existing object."""
        check_key(key)
        self._store(key, await asyncio.to_thread(source.read_bytes), content_type)

    async def delete(self, key: ObjectKey) -> None:
        """Remove the object; do nothing if it is missing."""
        self._objects.pop(key, None)

    async def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """List the objects that exist when the walk begins."""
        found = [stored.info for key, stored in self._objects.items() if key.startswith(prefix)]
        for info in sorted(found, key=lambda info: info.key.encode()):
            yield ListedObject(info.key, info.size, info.modified_at)

    async def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:  # noqa: ARG002
        """Yield nothing: an upload that breaks off leaves nothing behind."""
        nothing: tuple[IncompleteUpload, ...] = ()
        for upload in nothing:
            yield upload

    async def abandon(self, upload: IncompleteUpload) -> None:
        """Do nothing: `unfinished` lists nothing to remove."""

    async def receive(
        self,
        key: str,
        query: Mapping[str, str],
        *,
        content_type: str | None,
        content_length: int | None,
        body: AsyncIterator[bytes],
    ) -> StoredObject:
        """Store the body of a signed PUT: the whole body or nothing."""
        terms = self._signer.check_put(key, query, content_type)
        if content_length != terms.size:
            raise LengthMismatch
        async with aclosing(exactly(terms.size, body)) as pieces:
            content = b"".join([piece async for piece in pieces])
        # Another PUT may have finished while this body was read.
        if (found := self._objects.get(key)) is not None:
            return same_object(found.info, etag(sha256(content).hexdigest()))
        return self._store(key, content, terms.content_type)

    async def open_public(self, key: str) -> HeldObject:
        """Open an object of the public folder."""
        if not key.startswith(f"{PUBLISHED}/"):
            raise ObjectMissing
        return self._find(key)

    def _find(self, key: str) -> HeldObject:
        if key not in self._objects:
            raise ObjectMissing
        return self._objects[key]

    def _store(self, key: str, content: bytes, content_type: str) -> StoredObject:
        info = StoredObject(
            ObjectKey(key), len(content), content_type, etag(sha256(content).hexdigest()), self._clock.now()
        )
        self._objects[key] = HeldObject(info, content)
        return info
