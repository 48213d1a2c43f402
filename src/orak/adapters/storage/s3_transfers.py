"""Moving the bytes of objects from and to S3."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from orak.adapters.storage.body import CHUNK
from orak.adapters.storage.disk import on_disk
from orak.adapters.storage.s3_bucket import Bucket
from orak.adapters.storage.s3_errors import told_as_the_port_does
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectChanged, ObjectMissing
from orak.domain.identity import ObjectKey

PART = 16 * 2**20
"""Bytes of one part; up to so many go in one request. S3 takes 10,000 parts of at least 5 MiB."""

_ROUNDS = 4
"""How often a body that breaks off is asked for again, from where it broke."""


async def fetch(bucket: Bucket, key: ObjectKey, etag: str, to: Path) -> None:
    """Write the object of this ETag to a new file; whatever happens, no part of it is left there."""
    target = _NewFile(to)
    try:
        await on_disk(target.begin)
        for rounds_left in reversed(range(_ROUNDS)):
            try:
                await _fetch_rest(bucket, key, etag, target)
            except Unavailable:
                if not rounds_left or not target.grew():
                    raise
            else:
                break
        await on_disk(target.finish)
    except BaseException:
        await on_disk(target.discard)
        raise


async def _fetch_rest(bucket: Bucket, key: ObjectKey, etag: str, target: "_NewFile") -> None:
    start = target.size
    rest = {"Range": f"bytes={start}-"} if start else {}  # RFC 9110 §14: no range fits an empty object
    # No bound on the whole as `call` has it: each wait for bytes has its own.
    with told_as_the_port_does():
        answer = await bucket.client.get_object(Bucket=bucket.name, Key=key, IfMatch=etag, **rest)
        body = answer["Body"]
        async with body:  # one that is left unclosed keeps its connection for ever
            if answer["ETag"] != etag:  # some stores know no If-Match
                raise ObjectChanged
            if start and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
                raise Unavailable("S3 sent another part than was asked for")
            piece = bytearray()
            async for chunk in body.iter_chunks(CHUNK):
                piece += chunk
                if len(piece) >= CHUNK:
                    await on_disk(target.write, bytes(piece))
                    piece.clear()
            await on_disk(target.write, bytes(piece))


async def send(bucket: Bucket, key: ObjectKey, source: FileIO, **about: str) -> None:
    """Store what *source* holds, with these headers; it appears when all of it is there."""
    size = os.fstat(source.fileno()).st_size
    if size > PART:
        await _send_parts(bucket, key, source, about)
        return
    content = await on_disk(_read, source, size)
    await bucket.call("put_object", Key=key, Body=content, **about)


async def _send_parts(bucket: Bucket, key: ObjectKey, source: FileIO, about: dict[str, str]) -> None:
    upload = (await bucket.call("create_multipart_upload", Key=key, **about))["UploadId"]
    try:
        parts: list[dict[str, object]] = []
        while content := await on_disk(_read, source, PART):
            number = len(parts) + 1
            sent = await bucket.call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=content)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        await bucket.call(
            "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except BaseException as error:
        # If this fails too, or the process is killed before it, the parts wait for the sweep.
        with suppress(Unavailable, ObjectMissing):
            await asyncio.shield(bucket.call("abort_multipart_upload", Key=key, UploadId=upload))
        if isinstance(error, ObjectMissing):  # of the upload: somebody swept it
            raise Unavailable("S3 lost an unfinished upload") from error
        raise


def _read(source: FileIO, size: int) -> bytes:
    content = bytearray()
    while len(content) < size and (piece := source.read(size - len(content))):
        content += piece
    return bytes(content)


class _NewFile:
    """A file that was not there before. Its methods block, and are called one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self.size = 0
        self._seen = 0

    def begin(self) -> None:
        """Make it. Raise `FileExistsError` if something is there."""
        self._file = FileIO(self._path, "x")

    def write(self, content: bytes) -> None:
        """Add to it."""
        self._each(lambda file: self._write(file, content))

    def grew(self) -> bool:
        """Whether anything was added since this was asked last."""
        grown, self._seen = self.size > self._seen, self.size
        return grown

    def finish(self) -> None:
        """Close it."""
        self._each(FileIO.close)

    def discard(self) -> None:
        """Remove it, if it was made."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _each(self, work: Callable[[FileIO], None]) -> None:
        if self._file is not None:
            work(self._file)

    def _write(self, file: FileIO, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        self.size += len(content)
