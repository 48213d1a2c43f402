"""Downloads of objects from S3, and uploads to it."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from orak.adapters.storage.body import CHUNK
from orak.adapters.storage.disk import on_disk
from orak.adapters.storage.held_object import HeldObject
from orak.adapters.storage.s3_bucket import Bucket, stored_object
from orak.adapters.storage.s3_errors import Unsupported, port_errors
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectChanged, ObjectMissing
from orak.domain.identity import ObjectKey

PART = 16 * 2**20
"""Bytes per part; a larger object is sent in parts. S3 accepts 10,000 parts of at least 5 MiB."""

_READ_SECONDS = 10.0
"""For a small object that a client waits for, retries included."""

_ATTEMPTS = 4
"""Requests for one object: after a broken connection, each resumes where the last one ended."""


async def download(bucket: Bucket, key: ObjectKey, etag: str, to: Path) -> None:
    """Write the object with this ETag to a new file; after an error, remove the file."""
    target = _NewFile(to)
    try:
        await on_disk(target.begin)
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                await _download_rest(bucket, key, etag, target)
            except Unavailable:
                if not attempts_left or not target.grew():
                    raise
            else:
                break
        await on_disk(target.finish)
    except BaseException:
        await on_disk(target.discard)
        raise


async def _download_rest(bucket: Bucket, key: ObjectKey, etag: str, target: "_NewFile") -> None:
    start = target.size
    # No range fits an empty object (RFC 9110 §14).
    rest = {"Range": f"bytes={start}-"} if start else {}
    # Unlike `Bucket.call`, this has no timeout for the whole: each read has its own.
    with port_errors():
        try:
            answer = await _get(bucket, key, IfMatch=etag, **rest)
        except Unsupported:
            answer = await _get(bucket, key, **rest)
        body = answer["Body"]
        async with body:  # an unclosed body keeps its connection for ever
            if answer["ETag"] != etag:  # some stores ignore If-Match or refuse it
                raise ObjectChanged
            if start and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
                raise Unavailable("S3 sent another range than requested")
            piece = bytearray()
            async for chunk in body.iter_chunks(CHUNK):
                piece += chunk
                if len(piece) >= CHUNK:
                    await on_disk(target.write, bytes(piece))
                    piece.clear()
            await on_disk(target.write, bytes(piece))


async def _get(bucket: Bucket, key: ObjectKey, **conditions: str) -> Mapping[str, Any]:
    with port_errors():
        return await bucket.client.get_object(Bucket=bucket.name, Key=key, **conditions)


async def read_small(bucket: Bucket, key: ObjectKey, limit: int) -> HeldObject | None:
    """Read an object whole; return None if it has more than *limit* bytes."""
    with port_errors():
        async with asyncio.timeout(_READ_SECONDS):
            answer = await _get(bucket, key)
            info, body = stored_object(key, answer), answer["Body"]
            async with body:
                if info.size > limit:
                    return None
                return HeldObject(info, b"".join([chunk async for chunk in body.iter_chunks(CHUNK)]))


async def upload(bucket: Bucket, key: ObjectKey, source: FileIO, **headers: str) -> None:
    """Store the content of *source*; the object becomes visible when it is complete.

    *headers* have S3's parameter names.
    """
    size = os.fstat(source.fileno()).st_size
    if size > PART:
        try:
            await _upload_parts(bucket, key, source, headers)
        except Unsupported:
            source.seek(0)
        else:
            return
    content = await on_disk(_read, source, size)
    await bucket.call("put_object", Key=key, Body=content, **headers)


async def _upload_parts(bucket: Bucket, key: ObjectKey, source: FileIO, headers: dict[str, str]) -> None:
    upload_id = (await bucket.call("create_multipart_upload", Key=key, **headers))["UploadId"]
    try:
        parts: list[dict[str, object]] = []
        while content := await on_disk(_read, source, PART):
            number = len(parts) + 1
            sent = await bucket.call(
                "upload_part", Key=key, UploadId=upload_id, PartNumber=number, Body=content
            )
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        await bucket.call(
            "complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
    except BaseException as error:
        # If this fails too, or the process is killed first, the object sweep removes the parts.
        with suppress(Unavailable, ObjectMissing):
            await asyncio.shield(bucket.call("abort_multipart_upload", Key=key, UploadId=upload_id))
        if isinstance(error, ObjectMissing):  # the multipart upload is missing: an object sweep removed it
            raise Unavailable("the multipart upload disappeared from S3") from error
        raise


def _read(source: FileIO, size: int) -> bytes:
    content = bytearray()
    while len(content) < size and (piece := source.read(size - len(content))):
        content += piece
    return bytes(content)


class _NewFile:
    """A file being created. Its methods block; call them one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self.size = 0
        self._reported = 0

    def begin(self) -> None:
        """Create the file. Raise `FileExistsError` if the path is taken."""
        self._file = FileIO(self._path, "x")

    def write(self, content: bytes) -> None:
        """Append to the file."""
        self._each(lambda file: self._write(file, content))

    def grew(self) -> bool:
        """Whether the file has grown since the last call."""
        grown, self._reported = self.size > self._reported, self.size
        return grown

    def finish(self) -> None:
        """Close the file."""
        self._each(FileIO.close)

    def discard(self) -> None:
        """Remove the file, if it was created."""
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
