"""The storage that S3_BUCKET_NAME chooses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orak.application.ports.clock import Clock
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings

if TYPE_CHECKING:
    from orak.adapters.storage.s3 import S3Storage


@asynccontextmanager
async def open_s3(settings: Settings, clock: Clock) -> AsyncIterator["S3Storage"]:
    """Open it. Raise `InvalidSetting` if the bucket cannot exist, or the AWS client is not installed."""
    try:
        # Here: it costs half a second that nobody without a bucket shall wait, and is an extra.
        from orak.adapters.storage.s3 import S3Storage  # noqa: PLC0415
        from orak.adapters.storage.s3_bucket import BucketSettings, InvalidBucket  # noqa: PLC0415
        from orak.adapters.storage.sigv4 import Credentials  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidSetting(
            "S3_BUCKET_NAME", f"is set, and {error.name} is not installed", "pip install 'orak[aws]'"
        ) from error
    keys = None
    if settings.aws_access_key_id is not None and settings.aws_secret_access_key is not None:
        keys = Credentials(
            settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token
        )
    bucket = BucketSettings(
        settings.s3_bucket_name or "",
        settings.s3_region,
        settings.s3_endpoint_url or settings.aws_endpoint_url,
        settings.s3_addressing_style,
        keys,
    )
    try:
        async with S3Storage.open(bucket, clock) as storage:
            yield storage
    except InvalidBucket as error:
        raise InvalidSetting(
            "S3_BUCKET_NAME", f"cannot be used: {error}", "check it, S3_REGION and S3_ENDPOINT_URL"
        ) from error
