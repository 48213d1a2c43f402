"""How long a client waits for an answer at most, whatever the networks behind orak do."""

import asyncio
from typing import cast

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.answers.errors import tell
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.serving.request_ids import request_id_of
from orak.entrypoints.running import Running

NO_DEADLINE = "unhurried"
"""The key in a route's or router's `opt` for calls that last as long as their bytes take."""

SECONDS = 12.0
"""More than the 10 s that `Prefer: wait` may ask for. Two waits in a row for a database that fell silent,
each bounded, may come to more."""


class Deadline(ASGIMiddleware):
    """Answers 503 if nothing else has begun to by then, and stops whatever was at it.

    It does not wait for that to stop: what hangs in a driver may take seconds to give up.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = NO_DEADLINE

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the call on."""
        call = _Call(cast("HTTPScope", scope), send, asyncio.current_task())
        timer = asyncio.get_running_loop().call_later(self._seconds, call.give_up)
        try:
            await next_app(scope, receive, call.send)
        except BaseException:
            if call.given_up is None:
                raise
        finally:
            timer.cancel()
        if call.given_up is not None:
            await call.given_up


class _Call:
    """One call, and what has been sent of its answer."""

    __slots__ = ("_begun", "_scope", "_send", "_task", "given_up")

    def __init__(self, scope: HTTPScope, send: Send, task: asyncio.Task[None] | None) -> None:
        self._scope = scope
        self._send = send
        self._task = task
        self._begun = False
        self.given_up: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        if self.given_up is None:
            self._begun = True
            await self._send(message)

    def give_up(self) -> None:
        if self._begun or self._task is None:
            return
        self.given_up = asyncio.create_task(self._answer(), name="late answer")
        self._task.cancel()

    async def _answer(self) -> None:
        running: Running = self._scope["litestar_app"].state.running
        told = tell(
            Unavailable("no answer in time"),
            language_of(Headers.from_scope(self._scope)),
            path=self._scope["path"],
            request_id=request_id_of(self._scope),
            at=running.clock.now(),
        )
        body = msgspec.json.encode(told.envelope)
        fields = {
            **told.headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",  # the rest of the request's body may never be read
        }
        headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": told.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
