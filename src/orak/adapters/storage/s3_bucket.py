"""One bucket, and the client and signer that a process uses for it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from aioboto3 import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.handlers import add_expect_header

from orak.adapters.storage.bucket_settings import BucketSettings
from orak.adapters.storage.s3_errors import port_errors
from orak.adapters.storage.s3_http import SignedUrlClient
from orak.adapters.storage.sigv4 import Credentials, QuerySigner
from orak.application.ports.clock import Clock
from orak.application.ports.failures import InvalidConfiguration, Unavailable
from orak.application.ports.storage import ObjectMissing
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject

_log = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds for a call without a body, all retries included."""

_SLOWEST = 300_000
"""Bytes per second below which a call that sends a body is given up: 16 MiB may take a minute."""

_REFRESH = 60.0
"""Seconds between checks of the credentials; the AWS chain renews them 15 minutes before they expire."""

_BUCKET_SEEN_FOR = 60.0
"""Seconds for which a bucket that has answered is taken to exist."""


class InvalidBucket(InvalidConfiguration):
    """No bucket can have these settings."""


class S3Client(Protocol):
    """The part of botocore's client that `Bucket.call` does not call by name."""

    async def get_object(self, **parameters: object) -> Mapping[str, Any]:
        """Begin a download; its parameters have S3's own names."""
        ...


class Bucket:
    """Calls to one bucket, and the signer of its URLs."""

    def __init__(
        self, name: str, region: str, client: S3Client, http: SignedUrlClient, signer: QuerySigner
    ) -> None:
        self.name = name
        self.region = region
        self.client = client
        self.http = http
        self.signer = signer
        self._seen_until = 0.0

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: BucketSettings, clock: Clock) -> AsyncIterator[Self]:
        """Open the client; S3 need not answer yet.

        Raises:
            InvalidBucket: no bucket can have these settings.
            Unavailable: neither settings nor AWS chain have credentials.
        """
        session = _session(settings)
        base, region = await _location(settings)
        keys = await _credentials(session)
        if keys is None:
            raise Unavailable("there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        signer = QuerySigner(base, region, keys, clock)
        async with _client(session, settings) as client, SignedUrlClient.open(base) as http:
            _disable_expect_continue(client)
            bucket = cls(settings.bucket, region, client, http, signer)
            refreshing = asyncio.create_task(bucket._refresh(session, clock), name="s3")
            try:
                yield bucket
            finally:
                refreshing.cancel()
                await asyncio.wait([refreshing])

    async def call(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call S3 with a timeout. Raise `ObjectMissing`, `ObjectChanged` or `Unavailable`."""
        body = parameters.get("Body", b"")
        timeout = _TIMEOUT + (len(body) / _SLOWEST if isinstance(body, bytes) else 0)
        with port_errors():
            async with asyncio.timeout(timeout):
                answer: Mapping[str, Any] = await getattr(self.client, operation)(
                    Bucket=self.name, **parameters
                )
                return answer

    async def require_bucket(self) -> None:
        """Raise `Unavailable` unless the bucket exists or existed a moment ago.

        S3 answers a HEAD of an object with the same bare 404 whether the object or its bucket is missing. A
        missing bucket does not prove that its objects were deleted.
        """
        now = asyncio.get_running_loop().time()
        if now < self._seen_until:
            return
        try:
            await self.call("head_bucket")
        except ObjectMissing:
            raise Unavailable("S3 has no such bucket") from None
        self._seen_until = now + _BUCKET_SEEN_FOR

    async def _refresh(self, session: Session, clock: Clock) -> None:
        """Log an unusable bucket once, then keep the signer's credentials up to date."""
        try:
            await self.require_bucket()
        except Unavailable as outage:
            _log.warning(
                "the bucket %s cannot be used yet: %s",
                *(self.name, outage),
                extra={"event": "outage", "part": "bucket", "reason": str(outage)},
            )
        while True:
            await clock.sleep(_REFRESH)
            try:
                keys = await _credentials(session)
            except Exception as error:  # noqa: BLE001 - providers of credentials raise any error
                _log.warning(
                    "AWS credentials could not be renewed: %s",
                    type(error).__name__,
                    extra={"event": "outage", "part": "credentials", "reason": type(error).__name__},
                )
                continue
            if keys is not None and keys != self.signer.credentials:
                self.signer.credentials = keys


def stored_object(key: ObjectKey, answer: Mapping[str, Any]) -> StoredObject:
    """Return the metadata in S3's answer to a GET of a whole object."""
    return StoredObject(
        key,
        answer["ContentLength"],
        answer.get("ContentType", ""),
        answer["ETag"],
        answer["LastModified"].astimezone(UTC),
    )


def _session(settings: BucketSettings) -> Session:
    keys = settings.credentials
    if keys is None:
        return Session(region_name=settings.region)
    return Session(keys.access_key, keys.secret_key, keys.token, region_name=settings.region)


def _client(session: Session, settings: BucketSettings) -> AbstractAsyncContextManager[S3Client]:
    addressing = settings.addressing
    if addressing == "auto":
        # Not botocore's "auto": it signs for AWS's global host, which redirects to newer buckets, and a
        # browser cannot follow a redirected PUT.
        addressing = "path" if settings.endpoint_url else "virtual"
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": addressing},
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,
        # Stores other than AWS refuse the checksums that newer SDKs add by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client: AbstractAsyncContextManager[S3Client] = session.client(
        "s3",
        region_name=settings.region or session.region_name or "us-east-1",
        endpoint_url=settings.endpoint_url,
        config=config,
    )
    return client


def _disable_expect_continue(client: S3Client) -> None:
    """Send bodies without "Expect: 100-continue".

    aiohttp waits for that answer without a timeout.
    """
    client.meta.events.unregister("before-call.s3", add_expect_header)  # type: ignore[attr-defined]


async def _location(settings: BucketSettings) -> tuple[str, str]:
    """Return the bucket's URL and region.

    Both come from a URL that botocore signs with a made-up key.
    """
    made_up = Session("key", "secret", region_name=settings.region)
    try:
        async with _client(made_up, settings) as client:
            url: str = await client.generate_presigned_url(  # type: ignore[attr-defined]
                "get_object", Params={"Bucket": settings.bucket, "Key": "k"}
            )
    except (BotoCoreError, ValueError) as error:
        raise InvalidBucket(str(error).partition("\n")[0]) from error
    parts = urlsplit(url)
    region = parse_qs(parts.query)["X-Amz-Credential"][0].split("/")[2]
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/k')}", region


async def _credentials(session: Session) -> Credentials | None:
    """Return the session's current keys, renewed if they are about to expire."""
    found = await session.get_credentials()
    if found is None:
        return None
    keys = await found.get_frozen_credentials()
    return Credentials(keys.access_key, keys.secret_key, keys.token)
