import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Self

from orak.adapters.storage.abilities import Abilities, Condition
from orak.adapters.storage.bucket_settings import BucketSettings
from orak.adapters.storage.held_object import HeldObject
from orak.adapters.storage.keys import check_key, is_valid
from orak.adapters.storage.s3_bucket import Bucket
from orak.adapters.storage.s3_errors import Unsupported
from orak.adapters.storage.s3_head import head, store_time
from orak.adapters.storage.s3_probe import new_probe_key, probe
from orak.adapters.storage.s3_transfers import download, read_small, upload
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.incomplete_uploads import IncompleteUpload
from orak.application.ports.public_media import IMMUTABLE, MediaRedirect
from orak.application.ports.storage import ListedObject, ObjectMissing, SignedRequest
from orak.domain.identity import PUBLISHED, RECORDINGS, ObjectKey
from orak.domain.upload import StoredObject

_MEDIA_LIFE = timedelta(hours=1)
_MEDIA_KEPT = timedelta(minutes=5)
"""How long a redirect may be cached; its URL stays valid much longer, for players that keep it."""

_WAVEFORM = ".json"
_MAX_WAVEFORM = 1 << 20
"""Bytes that orak passes on itself: 800 pairs of numbers take some 20 kB."""


_ABSENT = ObjectKey(f"{PUBLISHED}/clock")
"""A key that no object has."""

_START_WAIT = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
"""Seconds that opening waits for the first probe, and between probes of a store that does not answer."""

_log = logging.getLogger(__name__)


class S3Storage:
    """A `Storage` on S3 or an S3-compatible store.

    It is also `PublicMedia` and `IncompleteUploads`, but not `ObjectServer`: clients talk to S3 directly.
    docs/guides/storage.md says what each store enforces of a signature. No object gets a public ACL.

    Not every store can do all that S3 can. Until `abilities` are known, nothing is asked of the store that it
    might refuse.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._probe_key = new_probe_key()
        self.abilities: Abilities | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: BucketSettings, clock: Clock, *, origins: Collection[str] = (), learns: bool = False
    ) -> AsyncIterator[Self]:
        """Open the bucket; S3 need not answer yet.

        If it *learns*, find out in the background what the store can do, also for the pages of *origins*.
        Opening waits for that at most 3 s.

        Raise `InvalidBucket`, or `Unavailable` without credentials.
        """
        async with Bucket.open(settings, clock) as bucket:
            storage = cls(bucket)
            if not learns:
                yield storage
                return
            tried = asyncio.Event()
            learning = asyncio.create_task(storage._learn(origins, clock, tried), name="s3 abilities")
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_START_WAIT):
                        await tried.wait()
                yield storage
            finally:
                learning.cancel()
                await asyncio.wait([learning])

    async def learn(self, origins: Collection[str]) -> Abilities:
        """Find out what the store can do, also for pages of these *origins*; follow it from then on.

        Raise `Unavailable` if the store does not answer, or refuses what orak cannot work without.
        """
        self.abilities = await probe(self._bucket, self._probe_key, origins)
        return self.abilities

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload; without *create_only*, or a store that can enforce it, a second PUT replaces it."""
        headers = {"Content-Type": content_type}
        if create_only and self.abilities is not None and self.abilities.create_only is Condition.ENFORCED:
            headers["If-None-Match"] = "*"  # RFC 9110 §13.1.2
        return self._sign("PUT", key, life, headers, {"Content-Length": str(content_length)})

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Return the object's metadata, or None if no object has this key."""
        if not is_valid(key):
            return None
        try:
            return await head(self._bucket, key)
        except ObjectMissing:
            await self._bucket.require_bucket()
            return None

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Stream the object to a new file, resuming after broken connections."""
        if not is_valid(key):
            raise ObjectMissing
        await download(self._bucket, key, etag, to)

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Store a file under *key*, in parts if large; it becomes visible when complete."""
        check_key(key)
        caching = {"CacheControl": IMMUTABLE} if key.startswith(f"{PUBLISHED}/") else {}
        # Opened outside the translation of errors: a missing source is the caller's mistake.
        with await asyncio.to_thread(FileIO, source) as file:
            await upload(self._bucket, key, file, ContentType=content_type, **caching)

    async def delete(self, key: ObjectKey) -> None:
        """Remove the object; do nothing if it is missing."""
        if is_valid(key):
            with suppress(ObjectMissing):  # AWS answers 204 for a missing object; some stores answer 404
                await self._bucket.call("delete_object", Key=key)

    async def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """List objects, a thousand per call; S3 orders them by key."""
        if not (is_valid(prefix) or is_valid(f"{prefix}x")):
            return
        page: dict[str, str] = {}
        while True:
            answer = await self._bucket.call("list_objects_v2", Prefix=prefix, **page)
            for found in answer.get("Contents", ()):
                # The AWS console creates "folder/" objects, which orak did not store.
                if is_valid(found["Key"]):
                    yield ListedObject(
                        ObjectKey(found["Key"]), found["Size"], found["LastModified"].astimezone(UTC)
                    )
            if not answer.get("IsTruncated"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    async def open_public(self, key: str) -> HeldObject | MediaRedirect:
        """Open a waveform; return signed URLs of any other published object.

        A page of another origin reads the waveform by fetch. It could not follow a redirect to a bucket that
        lists its origins: the browser then sends `Origin: null` (Fetch standard, "HTTP-redirect fetch").
        """
        if not (key.startswith(f"{PUBLISHED}/") and is_valid(key)):
            raise ObjectMissing
        if key.endswith(_WAVEFORM) and (
            waveform := await read_small(self._bucket, ObjectKey(key), _MAX_WAVEFORM)
        ):
            return waveform
        get, head = (
            self._sign(method, ObjectKey(key), _MEDIA_LIFE, {}, {}).url for method in ("GET", "HEAD")
        )
        return MediaRedirect(get, head, _MEDIA_KEPT)

    async def unfinished(self, before: datetime) -> AsyncIterator[IncompleteUpload]:
        """List multipart uploads in the two folders of orak that began before *before*."""
        for folder in (RECORDINGS, PUBLISHED):
            page: dict[str, str] = {}
            while True:
                try:
                    answer = await self._bucket.call("list_multipart_uploads", Prefix=f"{folder}/", **page)
                except (ObjectMissing, Unsupported):  # 404 for an empty list, or no multipart API
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
        """Abort a multipart upload; S3 then deletes its parts."""
        with suppress(ObjectMissing):
            await self._bucket.call("abort_multipart_upload", Key=upload.key, UploadId=upload.handle)

    async def now(self) -> datetime:
        """Return the time of the store, right to half a second.

        It is known even if the store refuses this machine because of its clock.
        """
        return await store_time(self._bucket, _ABSENT)

    async def check(self) -> None:
        """Raise `Unavailable` unless the bucket exists and may be listed."""
        await self._bucket.require_bucket()
        await self._bucket.call("list_objects_v2", Prefix=f"{PUBLISHED}/", MaxKeys=1)

    async def _learn(self, origins: Collection[str], clock: Clock, tried: asyncio.Event) -> None:
        """Try until the store answers, and log what it cannot do."""
        pause = _FIRST_PAUSE
        while self.abilities is None:
            try:
                found = await self.learn(origins)
            except Unavailable as outage:
                _log.warning(
                    "what the bucket %s can do is not known yet: %s",
                    *(self._bucket.name, outage),
                    extra={"event": "outage", "part": "bucket", "reason": str(outage)},
                )
                tried.set()
                await clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                tried.set()
                for ability in found.described():
                    if not ability.is_present:
                        _log.warning(
                            "bucket %s: %s; %s",
                            *(self._bucket.name, ability.detail, ability.hint),
                            extra={"event": "storage_ability"},
                        )

    def _sign(
        self, method: str, key: ObjectKey, life: timedelta, sent: dict[str, str], implied: dict[str, str]
    ) -> SignedRequest:
        check_key(key)
        signed = self._bucket.signer.sign(method, key, sent | implied, life=life)
        return SignedRequest(method, signed.url, sent, signed.expires_at)
