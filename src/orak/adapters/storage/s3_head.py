"""HEAD of an object by a presigned URL.

botocore's own call takes several times the CPU: for each one it resolves the endpoint, builds a request, runs
its hooks, signs with a key derived anew, and parses the answer by the service model.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from aiohttp import ClientError

from orak.adapters.storage.s3_bucket import Bucket
from orak.adapters.storage.s3_errors import error_of_status, port_errors
from orak.application.ports.failures import Unavailable
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject

T = TypeVar("T")

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

_HALF_A_SECOND = timedelta(seconds=0.5)


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


async def store_time(bucket: Bucket, key: ObjectKey) -> datetime:
    """Return the time of the store, which every answer has, a refusal too; it is right to half a second.

    Raise `Unavailable` if S3 does not answer.
    """
    with port_errors():
        async with asyncio.timeout(_TIMEOUT):
            _, headers = await _sent(bucket, key)
    return _field(headers, "Date", _date) + _HALF_A_SECOND  # HTTP dates are cut to seconds


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
    return StoredObject(
        key,
        _field(headers, "Content-Length", int),
        headers.get("Content-Type", ""),
        _field(headers, "ETag", _strong_etag),
        _field(headers, "Last-Modified", _date),
    )


def _field(headers: Mapping[str, str], name: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(headers[name])
    except (KeyError, ValueError, OverflowError) as error:
        raise Unavailable(f"S3 answered without a valid {name}") from error


def _strong_etag(text: str) -> str:
    """Return the ETag, which is pinned.

    `If-Match` never matches a weak one, because it does not identify the bytes (RFC 9110 §8.8.1).
    """
    if text.startswith("W/"):
        raise Unavailable("S3 answered with a weak ETag: let no proxy compress or change its answers")
    if not text:
        raise ValueError("empty")
    return text


def _date(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)
