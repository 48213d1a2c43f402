"""Sending an object: whole, in part, or not at all if the client has it."""

import asyncio

from litestar.enums import HttpMethod
from litestar.types import ASGIApp, Receive, Scope, Send

from orak.application.ports.open_object import OpenObject
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.answers.etags import http_date, is_known, is_other, range_still_holds
from orak.entrypoints.http.requests.injection import AnyCall
from orak.entrypoints.http.requests.ranges import ByteRange, Unsatisfiable, requested_range


def answer_with(opened: OpenObject, request: AnyCall, *, cache_control: str) -> ASGIApp:
    """Return what answers *request* with the object, and closes it.

    Litestar's own streaming leaves a generator unfinished when a client hangs up, and with it an open file.
    """
    info = opened.info
    headers = {
        "Content-Type": info.content_type,
        "ETag": info.etag,
        "Last-Modified": http_date(info.modified_at),
        "Cache-Control": cache_control,
        "Accept-Ranges": "bytes",
    }

    async def send_object(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI app
        try:
            if is_other(request.headers, info.etag, info.modified_at):
                raise Refusal(ErrorCode.PRECONDITION_FAILED)
            if is_known(request.headers, info.etag, info.modified_at):
                kept = {name: value for name, value in headers.items() if name != "Content-Type"}
                await _send_start(send, 304, kept)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            part = _part(request, opened)
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


def _part(request: AnyCall, opened: OpenObject) -> ByteRange | None:
    """Which part is asked for: of a GET only (RFC 9110 §14.2), and only of this very version."""
    info = opened.info
    if request.method != HttpMethod.GET or not range_still_holds(
        request.headers, info.etag, info.modified_at
    ):
        return None
    try:
        return requested_range(request.headers.get("range"), info.size)
    except Unsatisfiable:
        raise Refusal(ErrorCode.RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{info.size}"}) from None


async def _send_bytes(opened: OpenObject, start: int, stop: int, receive: Receive, send: Send) -> None:
    # A server drops what is sent to a client that has gone, without a word: we would read on to the end.
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
