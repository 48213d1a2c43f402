import errno
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Self

from orak.adapters.storage.body import CHUNK, etag_of, exactly, same_object
from orak.adapters.storage.disk import on_disk, opened_folder, write_new
from orak.adapters.storage.incoming import IncomingObject, find_leftovers, remove_leftover, remove_leftovers
from orak.adapters.storage.keys import check_key, is_valid
from orak.adapters.storage.listing import walk
from orak.adapters.storage.object_file import open_object, path_of
from orak.adapters.storage.url_signing import UrlSigner
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUpload
from orak.application.ports.object_server import LengthMismatch, ObjectExists
from orak.application.ports.storage import ListedObject, ObjectChanged, ObjectMissing, SignedRequest
from orak.domain.identity import PUBLISHED, ObjectKey
from orak.domain.upload import StoredObject


class LocalStorage:
    """A `Storage` on a local disk, one file per object: `<folder>/<name>.object`.

    It is also `ObjectServer`, `PublicMedia` and `IncompleteUploads`. Several processes may share *root*. A
    process killed at any moment leaves each object whole or absent, and at most a temporary file that the
    next `open` removes. The file system must support hard links and `flock`.
    """

    def __init__(self, root: Path, public_url: str, secret: bytes, clock: Clock) -> None:
        self._root = root.absolute()
        self._signer = UrlSigner(public_url, secret, clock)
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(cls, root: Path, public_url: str, secret: bytes, clock: Clock) -> AsyncIterator[Self]:
        """Open the store; create the root folder if it is missing.

        Remove the temporary files that killed processes left.
        """
        storage = cls(root, public_url, secret, clock)
        await on_disk(storage._prepare)
        yield storage

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
        return await on_disk(self._head, key)

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Copy the object to a new file, from the open file whose ETag was compared."""
        await on_disk(self._download, key, etag, to)

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*, durably on return; replace an existing object."""
        check_key(key)
        # Opened outside `on_disk`: a missing source is the caller's mistake, not a failing disk.
        with FileIO(source) as file:  # not in a thread, which might open it after a cancellation
            await on_disk(self._publish, key, file, content_type)

    async def delete(self, key: ObjectKey) -> None:
        """Remove the object, durably, and its folder if that becomes empty."""
        await on_disk(self._delete, key)

    def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """List objects; each is read only when the walk reaches it."""
        return walk(self._root, prefix)

    async def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:
        """List the temporary files of writers that no longer run."""
        for leftover in await on_disk(find_leftovers, self._root, before):
            yield leftover

    async def abandon(self, upload: IncompleteUpload) -> None:
        """Remove a temporary file, unless its writer still runs."""
        await on_disk(remove_leftover, self._root, upload.handle)

    async def receive(
        self,
        key: str,
        query: Mapping[str, str],
        *,
        content_type: str | None,
        content_length: int | None,
        body: AsyncIterator[bytes],
    ) -> StoredObject:
        """Store the body of a signed PUT: the whole body, durably, or nothing."""
        terms = self._signer.check_put(key, query, content_type)
        if content_length != terms.size:
            raise LengthMismatch
        async with aclosing(exactly(terms.size, body)) as pieces:
            stored = await on_disk(self._head, key)
            if stored is not None:
                return same_object(stored, await etag_of(pieces))
            return await self._store(key, terms.content_type, pieces)

    async def open_public(self, key: str) -> "OpenFile":
        """Open an object of the public folder."""
        if not key.startswith(f"{PUBLISHED}/"):
            raise ObjectMissing
        return OpenFile(*await on_disk(self._find, key))

    async def _store(self, key: str, content_type: str, pieces: AsyncIterator[bytes]) -> StoredObject:
        incoming = IncomingObject(self._root)
        try:
            async for piece in pieces:
                await on_disk(incoming.write, piece)
            return await on_disk(incoming.store, key, content_type, at=self._clock.now(), replace=False)
        except ObjectExists:  # another PUT finished while this body was read
            stored = await on_disk(self._head, key)
            if stored is None:
                raise
            return same_object(stored, incoming.etag)
        finally:
            await on_disk(incoming.discard)

    def _prepare(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        remove_leftovers(self._root)

    def _find(self, key: str) -> tuple[FileIO, StoredObject]:
        found = open_object(self._root, path_of(key)) if is_valid(key) else None
        if found is None:
            raise ObjectMissing
        return found

    def _head(self, key: str) -> StoredObject | None:
        try:
            file, info = self._find(key)
        except ObjectMissing:
            return None
        file.close()
        return info

    def _download(self, key: str, etag: str, to: Path) -> None:
        file, info = self._find(key)
        with file:
            if info.etag != etag:
                raise ObjectChanged
            write_new(to, _pieces(file, 0, info.size))

    def _publish(self, key: str, source: FileIO, content_type: str) -> None:
        incoming = IncomingObject(self._root)
        try:
            while piece := source.read(CHUNK):
                incoming.write(piece)
            incoming.store(key, content_type, at=self._clock.now(), replace=True)
        finally:
            incoming.discard()

    def _delete(self, key: str) -> None:
        if not is_valid(key):
            return
        path = path_of(key)
        with suppress(FileNotFoundError), opened_folder(self._root, path.folders) as folder:
            os.unlink(path.name, dir_fd=folder)
            os.fsync(folder)
        if len(path.folders) > 1:  # top-level folders stay
            self._remove_if_empty(path.folders)

    def _remove_if_empty(self, folders: tuple[str, ...]) -> None:
        *parents, name = folders
        with suppress(OSError), opened_folder(self._root, parents) as folder:
            os.rmdir(name, dir_fd=folder)


class OpenFile:
    """An `OpenObject` whose file stays open, even if the object is deleted."""

    def __init__(self, file: FileIO, info: StoredObject) -> None:
        self._file = file
        self._info = info

    @property
    def info(self) -> StoredObject:
        """The open object."""
        return self._info

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Read from *start* up to *stop*."""
        stop = min(stop, self._info.size)
        while start < stop:
            piece = await on_disk(_piece, self._file, start, stop)
            start += len(piece)
            yield piece

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


def _pieces(file: FileIO, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        piece = _piece(file, start, stop)
        start += len(piece)
        yield piece


def _piece(file: FileIO, start: int, stop: int) -> bytes:
    piece = os.pread(file.fileno(), min(CHUNK, stop - start), start)
    if not piece:
        raise OSError(errno.EIO, "another program truncated an object's file")
    return piece
