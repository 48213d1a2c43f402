import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Self

from orak.adapters.storage.keys import UnusableKey, check_key, is_usable
from orak.adapters.storage.s3_bucket import Bucket, BucketSettings
from orak.adapters.storage.s3_transfers import fetch, send
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUpload
from orak.application.ports.public_media import IMMUTABLE, MediaRedirect
from orak.application.ports.storage import ListedObject, ObjectMissing, SignedRequest
from orak.domain.identity import PUBLISHED, RECORDINGS, ObjectKey
from orak.domain.upload import StoredObject

_MEDIA_LIFE = timedelta(hours=1)
_MEDIA_KEPT = timedelta(minutes=5)
"""A listener may come back to a URL for as long as it lives; who asks anew gets a fresh one."""


class S3Storage:
    """A `Storage` on S3, or on anything that speaks its language.

    What S3 itself does over HTTP it leaves to S3: it is no `ObjectServer`. What each store enforces of a
    signature is in docs/guides/storage.md. No object is ever given a public ACL.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: BucketSettings, clock: Clock) -> AsyncIterator[Self]:
        """Open it; S3 need not answer yet. Raise `UnusableBucket`, or `Unavailable` without credentials."""
        async with Bucket.open(settings, clock) as bucket:
            yield cls(bucket)

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload; without *create_only* a second PUT replaces the object."""
        headers = {"Content-Type": content_type}
        if create_only:
            headers["If-None-Match"] = "*"  # RFC 9110 §13.1.2
        return self._sign("PUT", key, life, headers, {"Content-Length": str(content_length)})

    def presign_get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a download."""
        return self._sign("GET", key, life, {}, {})

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Return what lies under *key*, or None."""
        if not is_usable(key):
            return None
        try:
            found = await self._bucket.call("head_object", Key=key)
        except ObjectMissing:
            await self._bucket.make_sure()
            return None
        return StoredObject(
            key,
            found["ContentLength"],
            found.get("ContentType", ""),
            found["ETag"],
            found["LastModified"].astimezone(UTC),
        )

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Stream the object to a new file; a body that breaks off goes on where it broke."""
        if not is_usable(key):
            raise ObjectMissing
        await fetch(self._bucket, key, etag, to)

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*, in parts if it is large; it appears when all of it is there."""
        check_key(key)
        caching = {"CacheControl": IMMUTABLE} if key.startswith(f"{PUBLISHED}/") else {}
        # A source that is not there is the caller's mistake.
        with await asyncio.to_thread(FileIO, source) as file:
            await send(self._bucket, key, file, ContentType=content_type, **caching)

    async def delete(self, key: ObjectKey) -> None:
        """Remove the object, if there is one."""
        if is_usable(key):
            with suppress(ObjectMissing):  # AWS answers 204 all the same; not everyone does
                await self._bucket.call("delete_object", Key=key)

    async def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Walk the objects, a thousand a call, in the order that S3 gives them, which is that of the keys."""
        if not (is_usable(prefix) or is_usable(f"{prefix}x")):
            return
        page: dict[str, str] = {}
        while True:
            answer = await self._bucket.call("list_objects_v2", Prefix=prefix, **page)
            for found in answer.get("Contents", ()):
                if is_usable(found["Key"]):  # a console's "folder/" is nobody's object
                    yield ListedObject(
                        ObjectKey(found["Key"]), found["Size"], found["LastModified"].astimezone(UTC)
                    )
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    async def open_public(self, key: str) -> MediaRedirect:
        """Say where a published object is to be had; S3 tells whether it is there."""
        if not key.startswith(f"{PUBLISHED}/"):
            raise ObjectMissing
        try:
            get, head = (
                self._sign(method, ObjectKey(key), _MEDIA_LIFE, {}, {}).url for method in ("GET", "HEAD")
            )
        except UnusableKey:
            raise ObjectMissing from None
        return MediaRedirect(get, head, _MEDIA_KEPT)

    async def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:
        """Walk the multipart uploads that were begun before then, whoever's they are in our two folders."""
        for folder in (RECORDINGS, PUBLISHED):
            page: dict[str, str] = {}
            while True:
                try:
                    answer = await self._bucket.call("list_multipart_uploads", Prefix=f"{folder}/", **page)
                except ObjectMissing:  # so some stores say that there is none
                    break
                for found in answer.get("Uploads", ()):
                    begun_at = found["Initiated"].astimezone(UTC)
                    if begun_at < before:
                        yield IncompleteUpload(found["Key"], found["UploadId"], begun_at)
                if not answer.get("IsTruncated"):
                    break
                page = {
                    "KeyMarker": answer["NextKeyMarker"],
                    "UploadIdMarker": answer["NextUploadIdMarker"],
                }

    async def abandon(self, upload: IncompleteUpload) -> None:
        """Abort a multipart upload; S3 then forgets its parts."""
        with suppress(ObjectMissing):
            await self._bucket.call("abort_multipart_upload", Key=upload.key, UploadId=upload.handle)

    async def check(self) -> None:
        """Raise `Unavailable` unless the bucket is there and may be listed."""
        await self._bucket.make_sure()
        await self._bucket.call("list_objects_v2", Prefix=f"{PUBLISHED}/", MaxKeys=1)

    def _sign(
        self, method: str, key: ObjectKey, life: timedelta, sent: dict[str, str], implied: dict[str, str]
    ) -> SignedRequest:
        check_key(key)
        signed = self._bucket.signer.sign(method, key, sent | implied, life=life)
        return SignedRequest(method, signed.url, sent, signed.expires_at)
