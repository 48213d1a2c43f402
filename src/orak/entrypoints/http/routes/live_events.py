"""Live status as server-sent events (WHATWG HTML §9.2), and tickets that open a stream without a header."""

import asyncio
from dataclasses import dataclass

import msgspec
from litestar import Response, post
from litestar.enums import HttpMethod
from litestar.types import Receive, Scope, Send

from orak.application.events.issue_ticket import IssueTicket
from orak.application.ports.tokens import Bearer
from orak.application.waits import WaitEnded
from orak.entrypoints.http.answers.live_views import TicketView
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.bodies import read_query
from orak.entrypoints.http.requests.injection import AnyCall, CallOf, Injected
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.http.serving.live_streams import (
    STUCK,
    Expired,
    Step,
    cut_off,
    last_event_id,
    steps,
    streams_of,
    viewer_of,
)
from orak.entrypoints.running import Running

_RETRY = b"retry: 2000\n"
"""Milliseconds after which a browser comes again."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events until its buffer is full
]


@post("/live/ticket", status_code=200)
async def issue_live_ticket(request: CallOf, issue_ticket: Injected[IssueTicket]) -> Response[TicketView]:
    """Make a ticket. See `IssueTicket`."""
    issued = await issue_ticket(Bearer(request.user, request.auth))
    return Response(TicketView.of(issued), headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class EventStream:
    """One stream to one client; as an answer it is ASGI."""

    running: Running
    bearer: Bearer
    after: int | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves, reads nothing or may not watch any more; or until shutdown."""
        with streams_of(scope).place(self.bearer.actor.user_id):
            gone = asyncio.ensure_future(_until_gone(receive))
            try:
                await self._send(send, gone, only_head=scope.get("method") == HttpMethod.HEAD)
            except TimeoutError:
                cut_off(scope)
            finally:
                gone.cancel()
                await asyncio.wait({gone})

    async def _send(self, send: Send, gone: asyncio.Future[None], *, only_head: bool) -> None:
        async with self.running.use_cases.watch_records(self.bearer.actor, self.after) as watch:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            if not only_head:
                # The id without data: a client that is cut off before any event resumes from here.
                await _write(send, _RETRY + b"id: %d\n\n" % watch.position)
                try:
                    async with self.running.waits.until_shutdown():
                        async for step in steps(watch, self.running, self.bearer, gone):
                            await _write(send, b":\n\n" if step is None else _event(step))
                except (Expired, WaitEnded):
                    pass  # it comes again, with a better token or to another process
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@read("/events", opt={PUBLIC: True})
async def stream_events(request: AnyCall, running: Injected[Running]) -> EventStream:
    """Follow one's own takes. See `WatchRecords`."""
    query = dict(read_query(request))
    after = last_event_id(request.headers.get("last-event-id") or query.get("lastEventId"))
    return EventStream(running, await viewer_of(running, request.headers, query), after)


async def _write(send: Send, body: bytes) -> None:
    async with asyncio.timeout(STUCK):
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _event(step: Step) -> bytes:
    head = b"id: %d\n" % step.view.event_id if step.is_change else b""
    return head + b"data: " + msgspec.json.encode(step.view) + b"\n\n"


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
