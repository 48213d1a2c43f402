"""The deadline by which every answer begins, even if a database or store hangs."""

import asyncio
from typing import cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.answers.errors import error_answer

NO_DEADLINE = "no_deadline"
"""The key in the `opt` of a route or router without a deadline: sending many bytes takes its time."""

DEADLINE_SECONDS = 12.0
"""Longer than the 10 s of `Prefer: wait`. It also cuts off two timeouts in a row of a silent database."""


class Deadline(ASGIMiddleware):
    """The middleware that answers 503 if no answer has begun in time, and cancels the call.

    It does not wait for the cancellation: a hung driver may take seconds to stop.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = NO_DEADLINE

    def __init__(self, seconds: float = DEADLINE_SECONDS) -> None:
        self._seconds = seconds

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the call on, with a deadline."""
        call = _Call(cast("HTTPScope", scope), send, asyncio.current_task())
        timer = asyncio.get_running_loop().call_later(self._seconds, call.give_up)
        try:
            await next_app(scope, receive, call.send)
        except BaseException:
            if call.late_answer is None:
                raise
        finally:
            timer.cancel()
        if call.late_answer is not None:
            await call.late_answer


class _Call:
    """One call, and whether its answer has begun."""

    __slots__ = ("_begun", "_scope", "_send", "_task", "late_answer")

    def __init__(self, scope: HTTPScope, send: Send, task: asyncio.Task[None] | None) -> None:
        self._scope = scope
        self._send = send
        self._task = task
        self._begun = False
        self.late_answer: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        if self.late_answer is None:
            self._begun = True
            await self._send(message)

    def give_up(self) -> None:
        if self._begun or self._task is None:
            return
        self.late_answer = asyncio.create_task(self._answer(), name="late answer")
        self._task.cancel()

    async def _answer(self) -> None:
        answer = error_answer(Unavailable("no answer within the deadline"), self._scope)
        fields = {
            **answer.headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            "Connection": "close",  # the rest of the request's body may never be read
        }
        headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body, "more_body": False})
