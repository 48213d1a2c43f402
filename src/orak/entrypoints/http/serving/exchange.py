"""One request and its answer: the deadline, and what every answer has."""

import asyncio
from time import perf_counter
from typing import cast

from litestar.types import HTTPResponseStartEvent, HTTPScope, Message, Scope, Send

from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.answers.errors import error_response
from orak.entrypoints.http.serving.answer_heads import AnswerHeads
from orak.entrypoints.http.serving.request_metrics import BEGAN

DEADLINE_SECONDS = 12.0
"""Longer than the 10 s of `Prefer: wait`. It also cuts off two timeouts in a row of a silent database."""

_LEAST_SECONDS = 2.0
"""What is left of the deadline for a request that waited behind others, or whose head was slow to arrive."""

_KEY = "orak.exchange"


class Exchange:
    """One request and its answer, whichever application answers it.

    If no answer has begun by the deadline, because a database or store hangs, the exchange answers 503 and
    cancels the call. It does not wait for the cancellation: a hung driver may take seconds to stop.
    """

    __slots__ = (
        "_begun",
        "_deadline",
        "_head",
        "_heads",
        "_late_answer",
        "_scope",
        "_send",
        "_task",
        "_timer",
    )

    def __init__(self, scope: HTTPScope, send: Send, heads: AnswerHeads, deadline: float) -> None:
        """Begin the exchange: the current task answers it within *deadline* seconds of the first byte."""
        self._scope = scope
        self._send = send
        self._heads = heads
        self._deadline = deadline
        self._task = asyncio.current_task()
        self._head: HTTPResponseStartEvent | None = None
        self._begun = False
        self._late_answer: asyncio.Task[None] | None = None
        left = max(_LEAST_SECONDS, deadline - (perf_counter() - _first_byte_at(scope)))
        self._timer = asyncio.get_running_loop().call_later(min(left, deadline), self._give_up)
        cast("dict[str, object]", scope["state"])[_KEY] = self

    @property
    def is_late(self) -> bool:
        """Whether the deadline has answered."""
        return self._late_answer is not None

    def lift_deadline(self) -> None:
        """Let the answer begin at any time: receiving many bytes takes a while."""
        self._timer.cancel()

    def restore_deadline(self) -> None:
        """Let the whole deadline begin anew: the bytes are there."""
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._deadline, self._give_up)

    async def send(self, message: Message) -> None:
        """Send a part of the answer. Its head, completed, leaves with the first part of the body.

        Do nothing once the deadline has answered.
        """
        if self._late_answer is not None:
            return
        if message["type"] == "http.response.start":
            self._head = message
            return
        self._begun = True
        head, self._head = self._head, None
        if head is not None:
            self._heads.complete(head, self._scope)
            await self._send(head)
        await self._send(message)

    async def end(self) -> None:
        """End the exchange when the call has returned or failed."""
        self._timer.cancel()
        if self._late_answer is not None:
            await self._late_answer
        # Otherwise exchange and scope, which refer to each other, would wait for the garbage collector.
        del cast("dict[str, object]", self._scope["state"])[_KEY]

    def _give_up(self) -> None:
        if self._begun or self._task is None:
            return
        self._late_answer = asyncio.create_task(self._answer_late(), name="late answer")
        self._task.cancel()

    async def _answer_late(self) -> None:
        answer = error_response(Unavailable("no answer within the deadline"), self._scope)
        # The rest of the request's body may never be read.
        headers = {**answer.headers, "Connection": "close"}
        start, body = answer._replace(headers=headers).messages(self._scope["method"])
        self._heads.complete(start, self._scope)
        await self._send(start)
        await self._send(body)


def _first_byte_at(scope: HTTPScope) -> float:
    """Return when the first byte arrived; if the server does not say so, note that it was now."""
    extensions = cast("dict[str, dict[str, float]]", scope.get("extensions") or {})
    if BEGAN not in extensions:
        extensions = {**extensions, BEGAN: {"at": perf_counter()}}
        scope["extensions"] = cast("dict[str, dict[object, object]]", extensions)
    return extensions[BEGAN]["at"]


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange of an HTTP request."""
    exchange: Exchange = cast("dict[str, Exchange]", scope["state"])[_KEY]
    return exchange
