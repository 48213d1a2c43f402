"""Objects: signed uploads to local storage, and the public renditions of any storage."""

import logging
import re
from collections.abc import AsyncIterator, Mapping
from typing import cast
from urllib.parse import parse_qsl

from litestar import MediaType, Response, Router, put
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, HTTPReceiveMessage

from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.object_server import InvalidSignature, ObjectExists, ObjectServer
from orak.application.ports.public_media import IMMUTABLE, MediaRedirect
from orak.application.ports.storage import ObjectMissing
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.waits import Waits
from orak.domain.identity import ObjectKey
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.objects import object_response
from orak.entrypoints.http.openapi.operation import (
    NOT_MODIFIED,
    TEXT,
    Answer,
    JsonObject,
    Parameter,
    operation,
    path_parameter,
)
from orak.entrypoints.http.request_headers import headers_of
from orak.entrypoints.http.routing import AnyRequest, get, running_of
from orak.entrypoints.http.serving.cors import ANY_ORIGIN
from orak.entrypoints.http.serving.exchange import exchange_of
from orak.entrypoints.running import Running

_log = logging.getLogger(__name__)

_LENGTH = re.compile(r"[0-9]{1,18}")

_BINARY: JsonObject = {"type": "string", "format": "binary"}

KEY = path_parameter("key", "Key of the object. Its slashes are not percent-encoded.", TEXT)

_READING = (
    KEY,
    Parameter("header", "Range", "One range of bytes; several ranges are answered with the whole object."),
    Parameter("header", "If-Range", "Honour Range only if this is still the version."),
    Parameter("header", "If-Match", "Answer 412 unless this is still the version."),
    Parameter("header", "If-None-Match", "Answer 304 if this is still the version."),
)

_OBJECT_HEADERS = ("ETag", "Last-Modified", "Accept-Ranges")

_OBJECT: Mapping[int, Answer] = {
    200: Answer("The whole object.", headers=_OBJECT_HEADERS, media_type="*/*", schema=_BINARY),
    206: Answer(
        "The part that Range asks for.",
        headers=(*_OBJECT_HEADERS, "Content-Range"),
        media_type="*/*",
        schema=_BINARY,
    ),
    304: NOT_MODIFIED,
}

_OBJECT_ERRORS = (E.NOT_FOUND, E.PRECONDITION_FAILED, E.RANGE_NOT_SATISFIABLE)


class _ObjectBody:
    """The bytes of an object."""

    errors = (E.VALIDATION_FAILED,)

    def described(self) -> JsonObject:
        return {"required": True, "content": {"audio/*": {"schema": _BINARY}}}

    def schemas(self) -> Mapping[str, JsonObject]:
        return {}


@put("/{key:path}", request_max_body_size=None, status_code=200)
@operation(
    "`requestUpload` returns the URL and the headers to send. Like S3, orak answers when the bytes are\n"
    "durable. Nothing is overwritten: a second PUT of the same bytes is answered like the first, and one of\n"
    "other bytes 412.",
    parameters=(KEY,),
    body=_ObjectBody(),
    answers={200: Answer("The bytes are stored.", headers=("ETag",))},
    errors=(E.FORBIDDEN, E.RECORD_OPERATION_FAILED, E.PRECONDITION_FAILED),
)
async def put_object(request: AnyRequest, key: FromPath[str]) -> Response[None]:
    """Upload the bytes to a signed URL (local storage only)."""
    exchange_of(request.scope).lift_deadline()
    running, headers = running_of(request), headers_of(request.scope)
    receive_upload = running.use_cases.receive_upload
    try:
        stored = await _object_server(running).receive(
            _object_key(key),
            _signature(request),
            content_type=headers.get("content-type"),
            content_length=_length(headers.get("content-length")),
            body=_chunks(request, running.waits),
        )
    except ObjectExists:
        # The process that stored it may have died before it marked the upload: a second PUT does that.
        await _mark_received(receive_upload, _object_key(key))
        raise
    await _mark_received(receive_upload, stored.key)
    return Response(None, headers={"ETag": stored.etag}, media_type=MediaType.TEXT)  # JSON would send "null"


async def _mark_received(receive_upload: ReceiveUpload, key: ObjectKey) -> None:
    try:
        await receive_upload(key)
    except (Unavailable, StaleVersion) as failure:
        # The bytes are durable. An error would make the client send them again, in vain.
        reason = str(failure) or type(failure).__name__
        _log.warning(
            "the sweep will mark an upload as received", extra={"event": "arrival_error", "reason": reason}
        )


@get("/{key:path}")
@operation(
    "No token is needed. With S3 storage the answer for audio is a redirect to the store. A page of another\n"
    "origin can follow it with `<audio>`; to read the bytes with fetch, the bucket must allow every origin.",
    parameters=_READING,
    answers={
        **_OBJECT,
        307: Answer("The object is at `Location`. That URL works for an hour.", headers=("Location",)),
    },
    errors=_OBJECT_ERRORS,
    describes_head=True,
)
async def get_published_object(request: AnyRequest, key: FromPath[str]) -> ASGIApp:
    """Read a converted recording or its waveform."""
    found = await running_of(request).media.open_public(_object_key(key))
    if isinstance(found, MediaRedirect):
        return _redirect(found, request)
    return object_response(found, request, cache_control=IMMUTABLE)


signed_objects = Router("/storage", route_handlers=[put_object], tags=["objects"])
published_objects = Router(
    "/media", route_handlers=[get_published_object], opt={ANY_ORIGIN: True}, tags=["objects"]
)


def _redirect(found: MediaRedirect, request: AnyRequest) -> ASGIApp:
    """Redirect to the store with a 307, which keeps the method: a signature covers it (RFC 9110 §15.4.8)."""
    headers = {
        "Location": found.head if request.method == HttpMethod.HEAD else found.get,
        "Cache-Control": f"public, max-age={int(found.kept.total_seconds())}",
    }
    return ASGIResponse(status_code=307, headers=headers, media_type=MediaType.TEXT)


def _object_server(running: Running) -> ObjectServer:
    if running.object_server is None:  # never the case: with S3 these routes are not registered
        raise ObjectMissing
    return running.object_server


def _object_key(path: str) -> ObjectKey:
    return ObjectKey(path.removeprefix("/"))


def _signature(request: AnyRequest) -> Mapping[str, str]:
    # Bytes that are not UTF-8 are replaced; the signature then does not match.
    pairs = parse_qsl(request.scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
    signature = dict(pairs)
    if len(signature) != len(pairs):
        raise InvalidSignature  # a signature covers each parameter once
    return signature


def _length(header: str | None) -> int | None:
    return int(header) if header and _LENGTH.fullmatch(header) else None


async def _chunks(request: AnyRequest, waits: Waits) -> AsyncIterator[bytes]:
    """Yield the body as it arrives. If it is cut off, the storage finds the bytes too few."""
    more = True
    while more:
        async with waits.until_shutdown():
            message = cast("HTTPReceiveMessage", await request.receive())
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        if not more:
            exchange_of(request.scope).restore_deadline()
        yield message.get("body", b"")
