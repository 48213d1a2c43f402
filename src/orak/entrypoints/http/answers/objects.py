"""Sending an object: whole, in part, or not at all if the client has it."""

import asyncio
import re
from typing import NamedTuple

from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Receive, Scope, Send

from orak.application.ports.open_object import OpenObject
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.answers.etags import http_date, is_known, is_other, range_still_holds
from orak.entrypoints.http.request_headers import RequestHeaders, headers_of
from orak.entrypoints.http.routing import AnyRequest

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,999})-([0-9]{0,999})[ \t]*", re.IGNORECASE | re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int


def object_response(opened: OpenObject, request: AnyRequest, *, cache_control: str) -> ASGIApp:
    """Return the ASGI app that answers *request* with the object, then closes it.

    Litestar's own streaming leaves a generator unfinished when a client hangs up, and its file open.
    """
    info, asked = opened.info, headers_of(request.scope)
    headers = {
        "Content-Type": info.content_type,
        "ETag": info.etag,
        "Last-Modified": http_date(info.modified_at),
        "Cache-Control": cache_control,
        "Accept-Ranges": "bytes",
    }

    async def send_object(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI app
        try:
            if is_other(asked, info.etag, info.modified_at):
                raise HttpError(ErrorCode.PRECONDITION_FAILED)
            if is_known(asked, info.etag, info.modified_at):
                kept = {name: value for name, value in headers.items() if name != "Content-Type"}
                await _send_start(send, 304, kept)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            part = _requested_part(request.method, asked, opened)
            start, stop = part or ByteRange(0, info.size)
            lengths = {"Content-Length": str(stop - start)}
            if part:
                lengths["Content-Range"] = f"bytes {start}-{stop - 1}/{info.size}"
            await _send_start(send, 206 if part else 200, headers | lengths)
            if request.method == HttpMethod.HEAD:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await _send_bytes(opened, start, stop, receive, send)
        finally:
            await opened.close()

    return send_object


def _requested_part(method: str, asked: RequestHeaders, opened: OpenObject) -> ByteRange | None:
    """Return the part that a GET asks for (RFC 9110 §14.2), or None for the whole object."""
    info = opened.info
    if method == HttpMethod.GET and range_still_holds(asked, info.etag, info.modified_at):
        return _parse_range(asked.get("range"), info.size)
    return None


def _parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range of *size* bytes that *header* names, or None.

    None means the whole object. It answers several ranges, another unit and an unreadable header, as RFC 9110
    §14.2 permits.

    Raises:
        HttpError: the range lies outside the object.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size  # `-N`: the last N bytes
    else:
        start = int(match[1])
        if match[2] and int(match[2]) < start:
            return None
        stop = min(int(match[2]) + 1, size) if match[2] else size
    if start >= stop:
        raise HttpError(ErrorCode.RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
    return ByteRange(start, stop)


async def _send_bytes(opened: OpenObject, start: int, stop: int, receive: Receive, send: Send) -> None:
    # The server silently drops bytes for a client that hung up; without this the whole object would be read.
    gone = asyncio.create_task(_disconnected(receive))
    try:
        async for chunk in opened.read(start, stop):
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_start(send: Send, status: int, headers: dict[str, str]) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
