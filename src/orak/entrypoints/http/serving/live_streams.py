"""Streams of what happens to a caller's own recordings: what they have in common, whatever carries them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from litestar.datastructures import Headers
from litestar.types import Scope

from orak.application.events.watch_records import Watch
from orak.application.ports.live import LiveMessage
from orak.application.ports.tokens import Bearer, InvalidToken
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import MAX_ID, UserId
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.answers.live_views import LiveView
from orak.entrypoints.http.requests.authentication import bearer_token
from orak.entrypoints.running import Running

HEARTBEAT = 5.0
"""Seconds without a word after which a stream says that it lives, so that its client knows soon if not."""

STUCK = 20.0
"""Seconds that a client may leave what it is sent unread before it is cut off."""

ABORT = "orak.abort"
"""The extension of a scope that drops its connection at once, with what was not read."""

_STREAMS_OF_A_USER = 32
_RETRY_SECONDS = "10"


class Step(NamedTuple):
    """What a client is sent."""

    view: LiveView
    is_change: bool
    """Else it is a tick, by which nobody resumes."""

    @classmethod
    def of(cls, message: LiveMessage, position: int) -> "Step":
        """Project a message that came when the last change was at *position*."""
        return cls(LiveView.of(message, position), message.event_id is not None)


class Expired(Exception):
    """The token that opened a stream is not good any more."""


@dataclass(slots=True)
class Streams:
    """How many streams of this process are whose: nobody's take all the room."""

    _open: Counter[UserId] = field(default_factory=Counter)

    @contextmanager
    def place(self, user_id: UserId) -> Iterator[None]:
        """Take a place for the time of the block. Raise `Refusal` if the user has too many."""
        if self._open[user_id] >= _STREAMS_OF_A_USER:
            raise Refusal(ErrorCode.RATE_LIMITED, {"Retry-After": _RETRY_SECONDS})
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


async def viewer_of(running: Running, headers: Headers, query: dict[str, str]) -> Bearer:
    """Return who may watch: by a token in the header, or a ticket in the URL. Raise `InvalidToken`.

    A token in the URL is none: URLs end up in logs and histories.
    """
    if {"token", "access_token"} & query.keys():
        raise InvalidToken("a token does not belong into a URL")
    if ticket := query.get("ticket"):
        return await running.use_cases.redeem_ticket(ticket)
    return await running.tokens.verify(bearer_token(headers))


def last_event_id(given: str | None) -> int | None:
    """Return the id that a client has seen last. Raise `Rejected` for what never was one."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and int(given) <= MAX_ID):
        raise Rejected([Problem("Last-Event-ID", ProblemCode.INVALID)])
    return int(given)


def streams_of(scope: Scope) -> Streams:
    """Return the streams of the process that serves *scope*."""
    streams: Streams = scope["litestar_app"].state.streams
    return streams


def cut_off(scope: Scope) -> None:
    """Drop a connection whose client reads nothing; closing it would wait for the client for ever."""
    extensions = cast("dict[str, dict[str, Callable[[], None]]]", scope.get("extensions") or {})
    if ABORT in extensions:
        extensions[ABORT]["now"]()


async def steps(
    watch: Watch, running: Running, bearer: Bearer, gone: asyncio.Future[None]
) -> AsyncIterator[Step | None]:
    """Return what to send, None for a heartbeat, until the client is *gone* or too slow.

    Raise `Expired` when its token is.
    """
    async for missed in watch.missed():
        yield Step.of(missed, watch.position)
    heard = watch.heard()
    coming = asyncio.ensure_future(anext(heard, None))
    try:
        while True:
            left = (bearer.expires_at - running.clock.now()).total_seconds()
            if left <= 0:
                raise Expired
            awaited: set[asyncio.Future[Any]] = {coming, gone}
            await asyncio.wait(awaited, timeout=min(HEARTBEAT, left), return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return
            if not coming.done():
                if left > HEARTBEAT:
                    yield None
                continue
            message = coming.result()
            if message is None:
                return
            coming = asyncio.ensure_future(anext(heard, None))
            yield Step.of(message, watch.position)
    finally:
        coming.cancel()
        await asyncio.wait({coming})
