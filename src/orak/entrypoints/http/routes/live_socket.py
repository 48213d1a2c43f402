"""Live status over a WebSocket (RFC 6455)."""

import asyncio
from urllib.parse import urlsplit

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import Headers, State
from litestar.types import Scope

from orak.application.ports.tokens import Bearer
from orak.application.waits import WaitEnded
from orak.domain.errors import OrakError
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal, tell
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.serving.live_streams import (
    STUCK,
    Expired,
    cut_off,
    last_event_id,
    steps,
    streams_of,
    viewer_of,
)
from orak.entrypoints.http.serving.request_ids import request_id_of
from orak.entrypoints.running import Running

_SUBPROTOCOL = "bearer"

_COME_AGAIN = 1012
"""Service restart (the registry of RFC 6455 §11.7): connect again, with a token that is good."""

_TOO_SLOW = 1013


@websocket("/live", opt={PUBLIC: True})
async def watch_live(socket: WebSocket[None, None, State]) -> None:
    """Follow one's own takes: a text message for each step. What the client says is not listened to."""
    running: Running = socket.app.state.running
    try:
        _check_origin(socket.headers, running)
        query = dict(socket.query_params.items())
        after = last_event_id(query.get("lastEventId"))
        bearer = await viewer_of(running, _with_token(socket.headers), query)
        with streams_of(socket.scope).place(bearer.actor.user_id):
            await _serve(socket, running, bearer, after)
    except (OrakError, Refusal) as refusal:
        await _refuse(socket, refusal, running)
    except TimeoutError:
        cut_off(socket.scope)
    except OSError:
        pass  # uvicorn's word for a client that left while it was being told something


async def _serve(
    socket: WebSocket[None, None, State], running: Running, bearer: Bearer, after: int | None
) -> None:
    async with running.use_cases.watch_records(bearer.actor, after) as watch:
        offered = socket.scope.get("subprotocols") or []
        await socket.accept(subprotocols=_SUBPROTOCOL if _SUBPROTOCOL in offered else None)
        gone = asyncio.ensure_future(_until_gone(socket))
        code = _TOO_SLOW
        try:
            async with running.waits.until_shutdown():
                async for step in steps(watch, running, bearer, gone):
                    if step is not None:  # the server itself pings
                        await _send(socket, msgspec.json.encode(step.view).decode())
        except (Expired, WaitEnded):
            code = _COME_AGAIN
        finally:
            left = gone.done()
            gone.cancel()
            await asyncio.wait({gone})
        if not left:
            async with asyncio.timeout(STUCK):
                await socket.close(code)


async def _send(socket: WebSocket[None, None, State], text: str) -> None:
    async with asyncio.timeout(STUCK):
        await socket.send({"type": "websocket.send", "bytes": None, "text": text})


async def _until_gone(socket: WebSocket[None, None, State]) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _with_token(headers: Headers) -> Headers:
    """Return *headers* with the token of a browser, which can set no other header than this one."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
    if "authorization" in headers or len(offered) < 2 or offered[0] != _SUBPROTOCOL:
        return headers
    return Headers({"authorization": f"Bearer {offered[1]}"})


def _check_origin(headers: Headers, running: Running) -> None:
    """Raise `Refusal` for another site's page: the browser would let it connect (RFC 6455 §10.2).

    A page of ours may have been reached by another of this machine's names: then the browser says that one
    in `Host`.
    """
    origin, settings = headers.get("origin"), running.settings
    own = urlsplit(settings.base_url)
    allowed = {f"{own.scheme}://{own.netloc}", *settings.cors_origins}
    if origin is None or origin in allowed or "*" in allowed:
        return
    if urlsplit(origin).netloc != headers.get("host"):
        raise Refusal(ErrorCode.FORBIDDEN)


async def _refuse(socket: WebSocket[None, None, State], refusal: Exception, running: Running) -> None:
    """Answer the handshake with orak's envelope, where the server can."""
    scope: Scope = socket.scope
    told = tell(
        refusal,
        language_of(socket.headers),
        path=scope["path"],
        request_id=request_id_of(scope),
        at=running.clock.now(),
    )
    headers = told.headers | {"Content-Type": "application/json", "X-Request-Id": request_id_of(scope)}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await socket.send({"type": "websocket.http.response.start", "status": told.status, "headers": encoded})
    body = msgspec.json.encode(told.envelope)
    await socket.send({"type": "websocket.http.response.body", "body": body, "more_body": False})
