"""Concurrent calls that are answered in groups."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from typing import Generic, TypeVar

from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.traces import Span, Traces
from orak.domain.errors import OrakError

Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")

GROUP = 500
"""Most calls in one group, so that no caller waits for an unbounded number of others."""


class _Call(Generic[Asked, Outcome]):
    __slots__ = ("answer", "asked", "span")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.span: Span | None = None
        self.answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome | OrakError, cause: Exception | None = None) -> None:
        if self.answer.done():  # the caller was cancelled
            return
        if isinstance(outcome, OrakError):
            if outcome is not cause:
                outcome.__cause__ = cause
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Groups(Generic[Asked, Outcome]):
    """Answers calls in groups: while one group is answered, the next one gathers.

    All calls of a group share the round trips of one, and the commit, which waits for the disk.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Outcome | OrakError]]],
        *,
        refusal: Callable[[Asked, StaleVersion], OrakError] = lambda _, refused: refused,
        failure: str | None = None,
        at_once: int = 1,
        most: int = GROUP,
        traces: Traces | None = None,
        name: str = "grouped calls",
    ) -> None:
        """Answer each group by *answer*, which handles the whole group or raises.

        It returns one outcome per call, in the order of the calls.

        *refusal* makes the error of a call that the database refuses, and *failure* is the message of
        `Unavailable` for all calls of a group after any other error; None takes the message of the error.
        Up to *at_once* groups, of up to *most* calls each, are answered at the same time.

        With *traces*, each call is a span with this *name*, from its beginning to its answer. The statements
        of a group are below the span of its first call, and the spans of the other calls and that one are
        linked: a statement has one parent, and a copy of it in each trace would count it several times.
        """
        self._answer = answer
        self._refusal = refusal
        self._failure = failure
        self._waiting: list[_Call[Asked, Outcome]] = []
        self._at_once = at_once
        self._most = most
        self._traces = traces if traces is not None and traces.records else None
        self._name = name
        self._answering: set[asyncio.Task[None]] = set()
        self._starting = False
        self._closed = False

    async def ask(self, asked: Asked) -> Outcome:
        """Return the outcome of this call, or raise its error.

        Raise `Unavailable` after `close`. A caller that is cancelled while it waits is left out of its group.
        """
        if self._closed:
            raise Unavailable("orak is shutting down and accepts no new calls")
        call: _Call[Asked, Outcome] = _Call(asked)
        if self._traces is not None:
            with self._traces.span(self._name) as call.span:
                self._join(call)
                return await call.answer
        self._join(call)
        return await call.answer

    async def close(self) -> None:
        """Refuse further calls, and answer those that wait."""
        self._closed = True
        while self._answering:
            await asyncio.wait(set(self._answering))

    def _join(self, call: _Call[Asked, Outcome]) -> None:
        self._waiting.append(call)
        if not self._starting and len(self._answering) < self._at_once:
            self._starting = True
            # A group serves many requests, so it must not inherit the context of the first one.
            self._answering.add(asyncio.create_task(self._answer_groups(), context=Context()))

    async def _answer_groups(self) -> None:
        self._starting = False
        group: list[_Call[Asked, Outcome]] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer_group([call for call in group if not call.answer.done()])
        except asyncio.CancelledError:
            for call in (*group, *self._waiting):
                call.settle(Unavailable(self._failure or "the call was cancelled"))
            self._waiting = []
            raise
        finally:
            self._answering -= {asyncio.current_task()}

    async def _answer_group(self, group: Sequence[_Call[Asked, Outcome]], *, again: bool = False) -> None:
        """Answer the calls of a group.

        A refused group is halved until the refused call is alone. That call is tried once more: if another
        process stored the same row first, the second attempt may find it.
        """
        if not group:
            return
        try:
            with nullcontext() if self._traces is None else _traced(self._traces, group):
                outcomes = await self._answer([call.asked for call in group])
            answered = list(zip(group, outcomes, strict=True))
        except StaleVersion as refused:
            if again:
                group[0].settle(self._refusal(group[0].asked, refused), refused)
                return
            middle = len(group) // 2
            await self._answer_group(group[:middle])
            await self._answer_group(group[middle:], again=len(group) == 1)
        except Exception as error:  # noqa: BLE001 - after any error, every caller gets an answer
            for call in group:
                call.settle(Unavailable(self._failure or str(error)), error)
        else:
            for call, outcome in answered:
                call.settle(outcome)


def _traced(traces: Traces, group: Sequence[_Call[Asked, Outcome]]) -> AbstractContextManager[None]:
    """Link the spans of the calls with that of the first, which the statements of the group are below."""
    spans = [call.span for call in group if call.span and call.span.records]
    if not spans:
        return traces.silence()
    first, *others = spans
    for span in others:
        span.link(first.traceparent)
        first.link(span.traceparent)
    return traces.below(first.traceparent)
