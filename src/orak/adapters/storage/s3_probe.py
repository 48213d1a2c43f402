"""Finding out what a store can do, with a small object that is removed again.

Every request needs only the permissions that orak needs anyway (docs/guides/storage.md).
"""

import asyncio
import os
import secrets
import ssl
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx

from orak.adapters.storage.abilities import Abilities, Condition, OriginAccess
from orak.adapters.storage.s3_bucket import Bucket
from orak.adapters.storage.s3_errors import Unsupported
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectMissing
from orak.domain.identity import PUBLISHED

PROBES = f"{PUBLISHED}/.probe/"
"""Prefix of the objects that probes store. No rendition has such a key."""

_TOTAL_SECONDS, _REQUEST_SECONDS, _REMOVE_SECONDS = 20.0, 5.0, 3.0
_LIFE = timedelta(minutes=5)
_LEFTOVER_AGE = timedelta(minutes=20)
"""More than a probe takes and clocks may differ: SigV4 permits 15 minutes."""
_TYPE = "application/octet-stream"
_CONTENT = b"orak"
_OTHER_VERSION = '"00000000000000000000000000000000"'
_ANY_ORIGIN = "https://any-origin.example"
"""A page that a bucket must admit where CORS_ORIGINS is `*`."""


def new_probe_key() -> str:
    """Return a key for probes of one process."""
    return PROBES + secrets.token_hex(16)


async def probe(bucket: Bucket, key: str, origins: Collection[str]) -> Abilities:
    """Return what the bucket can do, and what pages of *origins* may do there.

    A repeat with the same key removes what an interrupted probe left.

    Raise `Unavailable` if the store does not answer, or refuses what orak cannot work without.
    """
    try:
        async with asyncio.timeout(_TOTAL_SECONDS), _http_client() as http:
            requests = _Requests(bucket, key, http)
            try:
                create_only = await _create_only(requests)
                sends_condition = create_only is Condition.ENFORCED
                return Abilities(
                    create_only=create_only,
                    reads=await _reads(requests),
                    binds_length=await _binds_length(requests),
                    pinned_reads=await _pinned_reads(requests),
                    ranges=(await requests.get({"Range": "bytes=1-2"})).status_code
                    == HTTPStatus.PARTIAL_CONTENT,
                    multipart=await _multipart(bucket, key),
                    origins=tuple(
                        [
                            await _access(requests, origin, sends_condition=sends_condition)
                            for origin in origins
                        ]
                    ),
                    deletes=await _deletes(bucket, requests, key),  # last: the others need the object
                )
            finally:
                await _remove(bucket, key)
    except TimeoutError as error:
        raise Unavailable("S3 takes too long to answer") from error


def _http_client() -> httpx.AsyncClient:
    # botocore reads the same variable: the store's certificate may be of a private authority.
    bundle = os.environ.get("AWS_CA_BUNDLE")
    return httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=bundle) if bundle else True, timeout=_REQUEST_SECONDS
    )


class _Requests:
    """Signed requests for one key, sent as any client sends them."""

    def __init__(self, bucket: Bucket, key: str, http: httpx.AsyncClient) -> None:
        self._sign = bucket.signer.sign
        self._key = key
        self._http = http

    async def put(self, *, create_only: bool = False, content: bytes = _CONTENT) -> int:
        """Send *content* to a URL that is signed for `_CONTENT`; return the status."""
        headers = {"Content-Type": _TYPE} | ({"If-None-Match": "*"} if create_only else {})
        url = self._url("PUT", headers | {"Content-Length": str(len(_CONTENT))})
        return (await self._send("PUT", url, headers, content)).status_code

    async def get(self, headers: Mapping[str, str]) -> httpx.Response:
        """Read the object with these headers, which the signature does not cover."""
        return await self._send("GET", self._url("GET", {}), headers)

    async def preflight(self, origin: str, headers: str) -> httpx.Response:
        """Ask whether pages of *origin* may PUT with these request headers."""
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": headers,
        }
        return await self._send("OPTIONS", self._url("PUT", {}), asked)

    def _url(self, method: str, headers: Mapping[str, str]) -> str:
        return self._sign(method, self._key, headers, life=_LIFE).url

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        try:
            return await self._http.request(method, url, headers=headers, content=content)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            # Only the name of the error: its text may hold a signed URL.
            raise Unavailable(f"S3 does not answer ({type(error).__name__})") from error


async def _create_only(requests: _Requests) -> Condition:
    first = await requests.put(create_only=True)
    if first == HTTPStatus.PRECONDITION_FAILED:
        return Condition.ENFORCED  # an interrupted probe left the object
    if not _is_success(first):
        _require_answer(first)
        plain = await requests.put()
        if not _is_success(plain):
            raise Unavailable(f"S3 answered {plain} to a PUT: check the keys, the clock and the permissions")
        return Condition.REFUSED
    return _condition(await requests.put(create_only=True))


async def _reads(requests: _Requests) -> bool:
    answer = await requests.get({})
    _require_answer(answer.status_code)
    return answer.is_success and answer.content == _CONTENT


async def _deletes(bucket: Bucket, requests: _Requests, key: str) -> bool:
    try:
        await bucket.call("delete_object", Key=key)
    except (Unavailable, ObjectMissing):
        return False
    return not (await requests.get({})).is_success


async def _binds_length(requests: _Requests) -> bool:
    status = await requests.put(content=_CONTENT + b"!")
    _require_answer(status)
    return not _is_success(status)


async def _pinned_reads(requests: _Requests) -> Condition:
    return _condition((await requests.get({"If-Match": _OTHER_VERSION})).status_code)


async def _multipart(bucket: Bucket, key: str) -> bool:
    try:
        begun = await bucket.call("create_multipart_upload", Key=key, ContentType=_TYPE)
        await bucket.call("abort_multipart_upload", Key=key, UploadId=begun["UploadId"])
    except (Unsupported, ObjectMissing):
        return False
    return True


async def _access(requests: _Requests, origin: str, *, sends_condition: bool) -> OriginAccess:
    sent = _ANY_ORIGIN if origin == "*" else origin
    names = "content-type,if-none-match" if sends_condition else "content-type"
    preflight = await requests.preflight(sent, names)
    read = await requests.get({"Origin": sent})
    return OriginAccess(
        origin,
        may_upload=_admits(preflight, sent)
        and _lists(preflight, "access-control-allow-methods", "put")
        and all(_lists(preflight, "access-control-allow-headers", name) for name in names.split(",")),
        may_read=_admits(read, sent),
    )


async def _remove(bucket: Bucket, key: str) -> None:
    """Remove the object, and those that killed processes left."""
    with suppress(Unavailable, ObjectMissing, TimeoutError):
        async with asyncio.timeout(_REMOVE_SECONDS):  # a process that shuts down does not wait for a store
            await bucket.call("delete_object", Key=key)
            found = await bucket.call("list_objects_v2", Prefix=PROBES)
            old = datetime.now(UTC) - _LEFTOVER_AGE
            for leftover in found.get("Contents", ()):
                if leftover["LastModified"] < old:
                    await bucket.call("delete_object", Key=leftover["Key"])


def _condition(status: int) -> Condition:
    """Judge the status of a request whose condition does not hold."""
    if status in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT}:
        return Condition.ENFORCED
    if _is_success(status):
        return Condition.IGNORED
    _require_answer(status)
    return Condition.REFUSED


def _require_answer(status: int) -> None:
    """Raise `Unavailable` for an error of the server, which says nothing about its abilities."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        raise Unavailable(f"S3 answered {status}")


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _admits(answer: httpx.Response, origin: str) -> bool:
    """Whether a page of *origin* may see *answer* (Fetch standard, "CORS check")."""
    return answer.is_success and answer.headers.get("access-control-allow-origin") in {"*", origin}


def _lists(answer: httpx.Response, header: str, name: str) -> bool:
    listed = {value.strip().lower() for value in answer.headers.get(header, "").split(",")}
    return "*" in listed or name in listed
