"""The live feed as a WebSocket (RFC 6455)."""

import asyncio
from urllib.parse import urlsplit

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State

from orak.application.ports.tokens import Bearer
from orak.application.waits import WaitEnded
from orak.domain.errors import OrakError
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.errors import HttpError, error_response
from orak.entrypoints.http.answers.request_ids import HEADER, request_id_of
from orak.entrypoints.http.openapi.operation import Answer, Parameter, operation
from orak.entrypoints.http.request_headers import RequestHeaders, headers_of
from orak.entrypoints.http.serving.live_streams import (
    LAST_EVENT_ID_QUERY,
    TICKET,
    WRITE_TIMEOUT_SECONDS,
    TokenExpired,
    authenticate_stream,
    drop_connection,
    last_event_id,
    open_streams_of,
    stream_steps,
)
from orak.entrypoints.running import Running

_SUBPROTOCOL = "bearer"

_SERVICE_RESTART = 1012
"""Reconnect, with a valid token (IANA's registry of RFC 6455 §11.7)."""

_TRY_AGAIN_LATER = 1013
"""The client read too slowly."""


@websocket("/live")
@operation(
    """\
Each text message is a `LiveView`, as in `/records/async/events`. Messages from the client are ignored.

Browsers authenticate with the subprotocol pair `bearer, <token>` or a ticket, other clients with the
`Authorization` header. Pages must have an origin of `PUBLIC_URL` or `CORS_ORIGINS`.

Close code 1012: reconnect with a valid token. Close code 1013: the client read too slowly.""",
    parameters=(
        Parameter("header", "Sec-WebSocket-Protocol", "`bearer, <token>`; the answer selects `bearer`."),
        LAST_EVENT_ID_QUERY,
        TICKET,
    ),
    answers={101: Answer("The connection is a WebSocket from here on (RFC 6455).")},
    errors=(E.VALIDATION_FAILED, E.UNAUTHORIZED, E.FORBIDDEN, E.NOT_FOUND, E.RATE_LIMITED),
)
async def watch_records_over_websocket(socket: WebSocket[None, None, State]) -> None:
    """Stream changes of the caller's records over a WebSocket."""
    running: Running = socket.app.state.running
    try:
        headers = headers_of(socket.scope)
        _check_origin(headers, running)
        query = dict(socket.query_params.items())
        after = last_event_id(query.get("lastEventId"))
        bearer = await authenticate_stream(running, _with_token(headers), query)
        with open_streams_of(socket.scope).counted(bearer.actor.user_id):
            await _serve(socket, running, bearer, after)
    except (OrakError, HttpError) as error:
        await _refuse(socket, error)
    except TimeoutError:
        drop_connection(socket.scope)
    except OSError:
        pass  # uvicorn raises it if the client leaves while a message is sent


async def _serve(
    socket: WebSocket[None, None, State], running: Running, bearer: Bearer, after: int | None
) -> None:
    async with running.use_cases.watch_records(bearer.actor, after) as watch:
        offered = socket.scope.get("subprotocols") or []
        await socket.accept(subprotocols=_SUBPROTOCOL if _SUBPROTOCOL in offered else None)
        gone = asyncio.ensure_future(_until_gone(socket))
        code = _TRY_AGAIN_LATER
        try:
            async with running.waits.until_shutdown():
                async for step in stream_steps(watch, running, bearer, gone):
                    if step is not None:  # no heartbeats: the server sends pings
                        await _send(socket, msgspec.json.encode(step.view).decode())
        except (TokenExpired, WaitEnded):
            code = _SERVICE_RESTART
        finally:
            left = gone.done()
            gone.cancel()
            await asyncio.wait({gone})
        if not left:
            async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                await socket.close(code)


async def _send(socket: WebSocket[None, None, State], text: str) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
        await socket.send({"type": "websocket.send", "bytes": None, "text": text})


async def _until_gone(socket: WebSocket[None, None, State]) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _with_token(headers: RequestHeaders) -> RequestHeaders:
    """Return *headers* with the token of the subprotocol pair, the one header that a browser can set."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
    if "authorization" in headers or len(offered) < 2 or offered[0] != _SUBPROTOCOL:
        return headers
    return RequestHeaders([(b"authorization", f"Bearer {offered[1]}".encode("latin-1"))])


def _check_origin(headers: RequestHeaders, running: Running) -> None:
    """Raise `HttpError` for a page of another site: browsers let it connect (RFC 6455 §10.2).

    A page of this server may have been loaded under another name of the machine; `Host` then has that name.
    """
    origin, settings = headers.get("origin"), running.settings
    own = urlsplit(settings.base_url)
    allowed = {f"{own.scheme}://{own.netloc}", *settings.cors_origins}
    if origin is None or origin in allowed or "*" in allowed:
        return
    if urlsplit(origin).netloc != headers.get("host"):
        raise HttpError(E.FORBIDDEN)


async def _refuse(socket: WebSocket[None, None, State], error: Exception) -> None:
    """Answer the handshake with the error envelope, where the server supports that."""
    answer = error_response(error, socket.scope)
    fields = {**answer.headers, "Content-Type": "application/json", HEADER: request_id_of(socket.scope)}
    encoded = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await socket.send({"type": "websocket.http.response.start", "status": answer.status, "headers": encoded})
    await socket.send({"type": "websocket.http.response.body", "body": answer.body, "more_body": False})
