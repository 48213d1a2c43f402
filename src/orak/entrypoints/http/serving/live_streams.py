"""The common part of the live streams: server-sent events and WebSockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from litestar.types import Scope

from orak.application.events.watch_records import Watch
from orak.application.ports.live import LiveMessage
from orak.application.ports.tokens import Bearer, InvalidToken
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import MAX_ID, UserId
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.answers.live_views import LiveView
from orak.entrypoints.http.openapi.operation import Parameter
from orak.entrypoints.http.request_headers import RequestHeaders
from orak.entrypoints.http.requests.authentication import bearer_token
from orak.entrypoints.running import Running

HEARTBEAT_SECONDS = 5.0
"""A stream without messages sends a heartbeat this often, so that its client notices a dead connection."""

WRITE_TIMEOUT_SECONDS = 20.0
"""A client that reads nothing for this long is disconnected."""

ABORT = "orak.abort"
"""The extension of an ASGI scope that drops the connection at once, unread bytes included."""

TICKET = Parameter("query", "ticket", "A ticket that replaces the `Authorization` header. It works once.")

LAST_EVENT_ID_QUERY = Parameter(
    "query", "lastEventId", "Resume after this event, for clients that cannot set the header."
)

_STREAMS_OF_A_USER = 32
_RETRY_SECONDS = "10"


class Step(NamedTuple):
    """One message to a client."""

    view: LiveView
    is_change: bool
    """False for a tick of progress, which no client resumes after."""

    @classmethod
    def of(cls, message: LiveMessage, position: int) -> "Step":
        """Return the step for a message that follows the change at *position*."""
        return cls(LiveView.of(message, position), message.event_id is not None)


class TokenExpired(Exception):
    """The token that opened a stream has expired."""


@dataclass(slots=True)
class OpenStreams:
    """The open streams of each user in this process. Their number is limited for each user."""

    _open: Counter[UserId] = field(default_factory=Counter)

    @property
    def number(self) -> int:
        """The number of all open streams."""
        return self._open.total()

    @contextmanager
    def counted(self, user_id: UserId) -> Iterator[None]:
        """Count a stream of the user while the block runs.

        Raises:
            HttpError: the user has too many streams.
        """
        if self._open[user_id] >= _STREAMS_OF_A_USER:
            raise HttpError(ErrorCode.RATE_LIMITED, {"Retry-After": _RETRY_SECONDS})
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


async def authenticate_stream(running: Running, headers: RequestHeaders, query: dict[str, str]) -> Bearer:
    """Return the bearer of the token in the header, or of the ticket in the query.

    Raises:
        InvalidToken: there is neither, it is invalid, or the query holds a token: URLs end up in logs.
    """
    if {"token", "access_token"} & query.keys():
        raise InvalidToken("the URL holds a token: send it in the Authorization header")
    if ticket := query.get("ticket"):
        return await running.use_cases.redeem_ticket(ticket)
    return await running.tokens.verify(bearer_token(headers))


def last_event_id(given: str | None) -> int | None:
    """Return the id of the last event that the client saw. Raise `Rejected` if it is not a number."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and int(given) <= MAX_ID):
        raise Rejected([Problem("Last-Event-ID", ProblemCode.INVALID)])
    return int(given)


def open_streams_of(scope: Scope) -> OpenStreams:
    """Return the open streams of the process that serves *scope*."""
    streams: OpenStreams = scope["litestar_app"].state.streams
    return streams


def drop_connection(scope: Scope) -> None:
    """Drop the connection of a client that reads nothing; closing it would wait for that client forever."""
    extensions = cast("dict[str, dict[str, Callable[[], None]]]", scope.get("extensions") or {})
    if ABORT in extensions:
        extensions[ABORT]["now"]()


async def stream_steps(
    watch: Watch, running: Running, bearer: Bearer, gone: asyncio.Future[None]
) -> AsyncIterator[Step | None]:
    """Yield what to send, None for a heartbeat, until the client is *gone* or too slow.

    Raises:
        TokenExpired: the token of *bearer* expired.
    """
    async for missed in watch.missed():
        yield Step.of(missed, watch.position)
    heard = watch.heard()
    coming = asyncio.ensure_future(anext(heard, None))
    try:
        while True:
            left = (bearer.expires_at - running.clock.now()).total_seconds()
            if left <= 0:
                raise TokenExpired
            awaited: set[asyncio.Future[Any]] = {coming, gone}
            timeout = min(HEARTBEAT_SECONDS, left)
            await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return
            if not coming.done():
                if left > HEARTBEAT_SECONDS:
                    yield None
                continue
            message = coming.result()
            if message is None:  # the client reads too slowly to be sent everything
                return
            coming = asyncio.ensure_future(anext(heard, None))
            yield Step.of(message, watch.position)
    finally:
        coming.cancel()
        await asyncio.wait({coming})
