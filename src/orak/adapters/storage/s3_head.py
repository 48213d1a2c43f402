"""HEAD of an object by a presigned URL.

botocore's own call takes several times the CPU: for each one it resolves the endpoint, builds a request, runs
its hooks, signs with a key derived anew, and parses the answer by the service model.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from aiohttp import ClientError

from orak.adapters.storage.s3_bucket import Bucket
from orak.adapters.storage.s3_errors import error_of_status, port_errors
from orak.application.ports.failures import Unavailable
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject

_TIMEOUT = 10.0
"""Seconds for all attempts together."""

_ATTEMPTS = 3

_TRANSIENT = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,  # also S3's SlowDown
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Worth another attempt, as in botocore's mode `standard`."""

_LIFE = timedelta(minutes=15)
"""As far as SigV4 lets the clocks of client and service differ: a shorter life could be over on arrival."""


async def head(bucket: Bucket, key: ObjectKey) -> StoredObject:
    """Return the metadata of the object.

    Raises:
        ObjectMissing: no object has this key, or the bucket does not exist.
        Unavailable: S3 does not answer, or refuses the request.
    """
    with port_errors():
        async with asyncio.timeout(_TIMEOUT):
            status, headers = await _sent(bucket, key)
    if status == HTTPStatus.OK:
        return _stored_object(key, headers)
    region = headers.get("x-amz-bucket-region", bucket.region)
    if region != bucket.region and status != HTTPStatus.NOT_FOUND:
        raise Unavailable(f"the bucket is in the region {region}, not {bucket.region}: set S3_REGION")
    raise error_of_status(status, str(status))  # an answer to HEAD has no body that could hold a code


async def _sent(bucket: Bucket, key: ObjectKey) -> tuple[int, Mapping[str, str]]:
    """Return status and headers of the first answer that is not transient, or of the last."""
    for attempt in range(1, _ATTEMPTS):
        try:
            status, headers = await _send(bucket, key)
        except (ClientError, OSError):
            pass
        else:
            if status not in _TRANSIENT:
                return status, headers
        await asyncio.sleep(random.uniform(0, 2 ** (attempt - 1)))  # noqa: S311 - spreads load
    return await _send(bucket, key)


async def _send(bucket: Bucket, key: ObjectKey) -> tuple[int, Mapping[str, str]]:
    return await bucket.http.head(bucket.signer.sign("HEAD", key, {}, life=_LIFE).url)


def _stored_object(key: ObjectKey, headers: Mapping[str, str]) -> StoredObject:
    try:
        return StoredObject(
            key,
            int(headers["content-length"]),
            headers.get("content-type", ""),
            headers["etag"],
            parsedate_to_datetime(headers["last-modified"]).astimezone(UTC),
        )
    except (KeyError, ValueError) as error:
        raise Unavailable(f"S3 answered without a valid {error}") from error
