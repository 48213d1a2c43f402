"""What orak does over HTTP for a store: all of it for a local one, and the way to the public takes for S3."""

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
from orak.entrypoints.http.answers.objects import answer_with
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.injection import AnyCall, Injected
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.http.serving.cors import ANY_ORIGIN
from orak.entrypoints.http.serving.deadline import NO_DEADLINE
from orak.entrypoints.running import Running

_log = logging.getLogger(__name__)

_LENGTH = re.compile(r"[0-9]{1,18}")


@put("/{key:path}", request_max_body_size=None, status_code=200, opt={NO_DEADLINE: True})
async def put_object(
    request: AnyCall, key: FromPath[str], running: Injected[Running], receive_upload: Injected[ReceiveUpload]
) -> Response[None]:
    """Take the bytes of a signed PUT in; like S3, answer when they are durable."""
    try:
        stored = await _gate(running).receive(
            _object_key(key),
            _signature(request),
            content_type=request.headers.get("content-type"),
            content_length=_length(request.headers.get("content-length")),
            body=_chunks(request, running.waits),
        )
    except ObjectExists:
        # Perhaps whoever stored it was killed before taking note of it: a client that tries again heals that.
        await _take_note(receive_upload, _object_key(key))
        raise
    await _take_note(receive_upload, stored.key)
    return Response(None, headers={"ETag": stored.etag}, media_type=MediaType.TEXT)  # JSON would be "null"


async def _take_note(receive_upload: ReceiveUpload, key: ObjectKey) -> None:
    try:
        await receive_upload(key)
    except (Unavailable, StaleVersion) as failure:
        # The bytes are safe, and a client that is told otherwise could only send them again, in vain.
        _log.warning("an arrival is left to the sweep: %r", failure)


@read("/{key:path}")
async def get_object(request: AnyCall, key: FromPath[str], running: Injected[Running]) -> ASGIApp:
    """Send an object to whoever has a signed URL for it."""
    opened = await _gate(running).open_signed(_object_key(key), _signature(request))
    return answer_with(opened, request, cache_control="private, no-store")


@read("/{key:path}")
async def get_published(request: AnyCall, key: FromPath[str], running: Injected[Running]) -> ASGIApp:
    """Send a published take or waveform to anyone, or lead there."""
    found = await running.media.open_public(_object_key(key))
    if isinstance(found, MediaRedirect):
        return _redirect(found, request)
    return answer_with(found, request, cache_control=IMMUTABLE)


signed_objects = Router("/storage", route_handlers=[put_object, get_object], opt={PUBLIC: True})
published_objects = Router("/media", route_handlers=[get_published], opt={PUBLIC: True, ANY_ORIGIN: True})


def _redirect(found: MediaRedirect, request: AnyCall) -> ASGIApp:
    """Lead to the store; the method stays, as a signature is for one (RFC 9110 §15.4.8)."""
    headers = {
        "Location": found.head if request.method == HttpMethod.HEAD else found.get,
        "Cache-Control": f"public, max-age={int(found.kept.total_seconds())}",
    }
    return ASGIResponse(status_code=307, headers=headers, media_type=MediaType.TEXT)


def _gate(running: Running) -> ObjectServer:
    if running.gate is None:  # these routes are not there then
        raise ObjectMissing
    return running.gate


def _object_key(path: str) -> ObjectKey:
    return ObjectKey(path.removeprefix("/"))


def _signature(request: AnyCall) -> Mapping[str, str]:
    # What is not UTF-8 is replaced, and so signed by nobody.
    pairs = parse_qsl(request.scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
    signature = dict(pairs)
    if len(signature) != len(pairs):
        raise InvalidSignature  # a parameter that is there twice was signed once at most
    return signature


def _length(header: str | None) -> int | None:
    return int(header) if header and _LENGTH.fullmatch(header) else None


async def _chunks(request: AnyCall, waits: Waits) -> AsyncIterator[bytes]:
    """Pass the body on as it comes; of one that is cut off, what came, which the gate finds too short."""
    more = True
    while more:
        async with waits.until_shutdown():
            message = cast("HTTPReceiveMessage", await request.receive())
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        more = message.get("more_body", False)
