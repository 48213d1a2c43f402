"""The live feed as server-sent events (WHATWG HTML §9.2), and tickets that open a stream without a header."""

import asyncio
from dataclasses import dataclass

import msgspec
from litestar.enums import HttpMethod
from litestar.types import Receive, Scope, Send

from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.watch_records import WatchRecords
from orak.application.ports.tokens import Bearer
from orak.application.waits import WaitEnded
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.live_views import LiveView, TicketView
from orak.entrypoints.http.api import ApiRequest, ApiResponse, Routes, json_response
from orak.entrypoints.http.call_notes import note_caller
from orak.entrypoints.http.openapi.operation import Answer, Parameter, operation
from orak.entrypoints.http.request_headers import headers_of
from orak.entrypoints.http.requests.bodies import read_query
from orak.entrypoints.http.routing import AnyRequest, get, running_of
from orak.entrypoints.http.serving.live_streams import (
    TICKET,
    WRITE_TIMEOUT_SECONDS,
    Step,
    TokenExpired,
    authenticate_stream,
    drop_connection,
    last_event_id,
    open_streams_of,
    stream_steps,
)
from orak.entrypoints.running import Running

_RETRY = b"retry: 2000\n"
"""Milliseconds until a browser reconnects."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back until its buffer is full
]


tickets = Routes("/records/async", "live")


@tickets.post("/live/ticket")
@operation(IssueTicket, answers={200: Answer("The ticket.", TicketView)})
async def issue_ticket(request: ApiRequest) -> ApiResponse:
    """Issue a ticket for a live stream."""
    issued = await request.running.use_cases.issue_ticket(Bearer(request.actor, request.expires_at))
    return json_response(TicketView.of(issued))


@dataclass(frozen=True, slots=True)
class EventStream:
    """The response that streams events to one client, an ASGI application."""

    running: Running
    bearer: Bearer
    after: int | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves or reads nothing, its token expires, or shutdown begins."""
        with open_streams_of(scope).counted(self.bearer.actor.user_id):
            gone = asyncio.ensure_future(_until_gone(receive))
            try:
                await self._send(send, gone, only_head=scope.get("method") == HttpMethod.HEAD)
            except TimeoutError:
                drop_connection(scope)
            finally:
                gone.cancel()
                await asyncio.wait({gone})

    async def _send(self, send: Send, gone: asyncio.Future[None], *, only_head: bool) -> None:
        async with self.running.use_cases.watch_records(self.bearer.actor, self.after) as watch:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            if not only_head:
                # An id without data: a client that is cut off before the first event resumes from here.
                await _write(send, _RETRY + b"id: %d\n\n" % watch.position)
                try:
                    async with self.running.waits.until_shutdown():
                        async for step in stream_steps(watch, self.running, self.bearer, gone):
                            await _write(send, b":\n\n" if step is None else _encode(step))
                except (TokenExpired, WaitEnded):
                    pass  # the client reconnects with a new token, or to another process
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@get("/events")
@operation(
    WatchRecords,
    notes="The answer is a stream of server-sent events. `/records/async/live` is the same as a WebSocket.",
    parameters=(
        Parameter("header", "Last-Event-ID", "Resume after this event."),
        TICKET,
    ),
    answers={
        200: Answer(
            "The data of each event is a `LiveView`. Changes have an id, ticks of progress have none.",
            LiveView,
            media_type="text/event-stream",
        )
    },
    errors=(E.VALIDATION_FAILED, E.UNAUTHORIZED, E.RATE_LIMITED),
)
async def watch_records(request: AnyRequest) -> EventStream:
    """Stream changes of the caller's records."""
    running, query = running_of(request), dict(read_query(request.scope["query_string"]))
    headers = headers_of(request.scope)
    after = last_event_id(headers.get("last-event-id") or query.get("lastEventId"))
    bearer = await authenticate_stream(running, headers, query)
    note_caller(request.scope, bearer.actor.user_id)
    return EventStream(running, bearer, after)


async def _write(send: Send, body: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _encode(step: Step) -> bytes:
    head = b"id: %d\n" % step.view.event_id if step.is_change else b""
    return head + b"data: " + msgspec.json.encode(step.view) + b"\n\n"


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
