"""One bucket, and the one client of a process that talks to it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, Protocol, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from aioboto3 import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.handlers import add_expect_header

from orak.adapters.storage.s3_errors import told_as_the_port_does
from orak.adapters.storage.sigv4 import Credentials, QuerySigner
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectMissing

_log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a call which moves no bytes may take, all tries included."""

_PATIENCE_WITH_BYTES = 60.0
"""The same of one that sends up to a part: 16 MiB at 300 kB/s."""

_REFRESH = 60.0
"""Seconds between looks at the credentials; the AWS chain renews them from 15 minutes before their end on."""

_SURE = 60.0
"""Seconds for which a bucket that was seen is believed to be there."""


class BucketSettings(msgspec.Struct, frozen=True):
    """Which bucket, where; None leaves a thing to the usual AWS chain (environment, profile, role)."""

    bucket: str
    region: str | None = None
    endpoint_url: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    """Where the bucket's name stands in a URL; auto: in the host on AWS, in the path at an own endpoint."""
    credentials: Credentials | None = None


class UnusableBucket(ValueError):
    """These settings name no bucket that there could be."""


class S3Client(Protocol):
    """What is used of botocore's client; its parameters have S3's own names."""

    async def head_bucket(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102 - S3's names
    async def head_object(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def get_object(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def put_object(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def delete_object(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def list_objects_v2(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def create_multipart_upload(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def upload_part(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def complete_multipart_upload(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def abort_multipart_upload(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    async def list_multipart_uploads(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102


class Bucket:
    """Calls to one bucket, and the signer of its URLs."""

    def __init__(self, name: str, client: S3Client, signer: QuerySigner) -> None:
        self.name = name
        self.client = client
        self.signer = signer
        self._sure_until = 0.0

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: BucketSettings, clock: Clock) -> AsyncIterator[Self]:
        """Open the client; S3 need not answer yet.

        Raises:
            UnusableBucket: the settings cannot be right.
            Unavailable: there are no credentials.
        """
        session = _session(settings)
        base, region = await _place(settings)
        keys = await _credentials(session)
        if keys is None:
            raise Unavailable("there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        signer = QuerySigner(base, region, keys, clock)
        async with _client(session, settings) as client:
            _expect_nothing(client)
            bucket = cls(settings.bucket, client, signer)
            tending = asyncio.create_task(bucket._tend(session, clock), name="s3")
            try:
                yield bucket
            finally:
                tending.cancel()
                await asyncio.wait([tending])

    async def call(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call S3. Raise `ObjectMissing`, `ObjectChanged` or `Unavailable`, the last in a bounded time."""
        patience = _PATIENCE_WITH_BYTES if "Body" in parameters else _PATIENCE
        with told_as_the_port_does():
            async with asyncio.timeout(patience):
                answer: Mapping[str, Any] = await getattr(self.client, operation)(
                    Bucket=self.name, **parameters
                )
                return answer

    async def make_sure(self) -> None:
        """Raise `Unavailable` unless the bucket was there a moment ago.

        To a HEAD S3 answers a missing bucket as it answers a missing object: by a bare 404. A bucket that is
        gone is no reason to believe its objects gone.
        """
        now = asyncio.get_running_loop().time()
        if now < self._sure_until:
            return
        try:
            await self.call("head_bucket")
        except ObjectMissing:
            raise Unavailable("S3 has no such bucket") from None
        self._sure_until = now + _SURE

    async def _tend(self, session: Session, clock: Clock) -> None:
        """Say once if S3 is not there, and keep the signer's credentials as fresh as the client's."""
        try:
            await self.make_sure()
        except Unavailable as outage:
            _log.warning("the bucket %s cannot be used yet: %s", self.name, outage)
        while True:
            await clock.sleep(_REFRESH)
            try:
                keys = await _credentials(session)
            except Exception as error:  # noqa: BLE001 - whatever a provider of credentials raises
                _log.warning("AWS credentials could not be renewed: %s", type(error).__name__)
                continue
            if keys is not None and keys != self.signer.credentials:
                self.signer.credentials = keys


def _session(settings: BucketSettings) -> Session:
    keys = settings.credentials
    if keys is None:
        return Session(region_name=settings.region)
    return Session(keys.access_key, keys.secret_key, keys.token, region_name=settings.region)


def _client(session: Session, settings: BucketSettings) -> AbstractAsyncContextManager[S3Client]:
    addressing = settings.addressing
    if addressing == "auto":
        # Not botocore's "auto", which signs for the global host of AWS: that redirects to newer buckets, and
        # a browser cannot follow a redirected PUT.
        addressing = "path" if settings.endpoint_url else "virtual"
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": addressing},
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,
        # The checksums that newer SDKs add by themselves are refused by other stores than AWS.
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


def _expect_nothing(client: S3Client) -> None:
    """Send bodies without waiting for "100 Continue": while aiohttp waits for that, no time-out runs."""
    client.meta.events.unregister("before-call.s3", add_expect_header)  # type: ignore[attr-defined]


async def _place(settings: BucketSettings) -> tuple[str, str]:
    """Ask botocore for the bucket's URL and its region's name, by a URL that it signs with a made-up key."""
    made_up = Session("key", "secret", region_name=settings.region)
    try:
        async with _client(made_up, settings) as client:
            url: str = await client.generate_presigned_url(  # type: ignore[attr-defined]
                "get_object", Params={"Bucket": settings.bucket, "Key": "k"}
            )
    except (BotoCoreError, ValueError) as error:
        raise UnusableBucket(str(error).partition("\n")[0]) from error
    parts = urlsplit(url)
    region = parse_qs(parts.query)["X-Amz-Credential"][0].split("/")[2]
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/k')}", region


async def _credentials(session: Session) -> Credentials | None:
    """Return the keys that the session has now, renewed if they are about to end."""
    found = await session.get_credentials()
    if found is None:
        return None
    keys = await found.get_frozen_credentials()
    return Credentials(keys.access_key, keys.secret_key, keys.token)
