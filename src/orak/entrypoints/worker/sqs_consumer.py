import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from orak.adapters.events.message import Message
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.entrypoints.worker.sqs_messages import MalformedMessage

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds between tries during an outage: the first pause and the limit of its doubling.

The limit is shorter than the visibility timeout, so that held messages stay invisible.
"""

_LONGEST_HOLD = 180.0
"""Seconds after which held messages are let go: they, not an outage, may be why handling fails."""


class MessageQueue(Protocol):
    """A queue that delivers each message at least once, in any order."""

    async def receive(self) -> Sequence[Message]:
        """Wait a while for messages and return a few of them. Raise `Unavailable`."""
        ...

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, so that they are not delivered again. Raise `Unavailable`."""
        ...

    async def keep(self, messages: Sequence[Message]) -> None:
        """Put off the next delivery of these messages. Raise `Unavailable`."""
        ...


class SqsConsumer:
    """A loop that handles the messages of a queue and deletes those it has handled.

    While no message can be handled, the consumer holds those it has and receives no others. An outage of some
    minutes therefore makes no dead letters. The log has one line for the beginning of an outage and one for
    its end.
    """

    def __init__(self, queue: MessageQueue, handle: Callable[[str], Awaitable[None]], clock: Clock) -> None:
        """Pass each body to *handle*, which may raise `MalformedMessage` or `Unavailable`."""
        self._queue = queue
        self._handle = handle
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the loop. Call this once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name="sqs-consumer")

    async def stop(self) -> None:
        """Stop at once; SQS delivers unfinished messages again."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        receiving = _Outage("SQS messages cannot be received", self._clock)
        handling = _Outage("SQS messages cannot be handled", self._clock)
        while not self._stopping:
            try:
                messages = await self._queue.receive()
            except Unavailable as outage:
                await receiving.pause(outage)
                continue
            except Exception:  # noqa: BLE001 - a bug in one round must not end all rounds
                _log.exception(
                    "receiving SQS messages failed", extra={"event": "background_error", "part": "SQS"}
                )
                await self._clock.sleep(_LONGEST_PAUSE)
                continue
            receiving.end()
            held_seconds = 0.0
            while (blocked := await self._handle_all(messages)) is not None and not self._stopping:
                held_seconds += await handling.pause(blocked)
                if held_seconds > _LONGEST_HOLD:
                    break
                await self._keep(messages)
            else:
                handling.end()

    async def _handle_all(self, messages: Sequence[Message]) -> Unavailable | None:
        """Handle *messages* at once; return the outage if it kept all from being handled."""
        results = await asyncio.gather(*map(self._handle_one, messages))
        handled = [message for message, result in zip(messages, results, strict=True) if result is True]
        if handled:
            try:
                await self._queue.delete(handled)
            except Unavailable as outage:
                _log.debug(
                    "%d handled messages will be delivered again",
                    len(handled),
                    extra={"event": "sqs_message", "reason": str(outage)},
                )
        outages = [result for result in results if isinstance(result, Unavailable)]
        return outages[0] if outages and len(outages) == len(results) else None

    async def _handle_one(self, message: Message) -> bool | Unavailable:
        """Handle a message; return whether to delete it, or the outage that prevented it."""
        try:
            await self._handle(message.body)
        except MalformedMessage as malformed:
            _log.warning(
                "SQS message %s is left for the dead-letter queue: %s",
                *(message.id, malformed),
                extra={"event": "sqs_message", "outcome": "malformed", "reason": str(malformed)},
            )
            return False
        except Unavailable as outage:
            _log.debug(
                "SQS message %s waits", message.id, extra={"event": "sqs_message", "reason": str(outage)}
            )
            return outage
        except Exception:  # noqa: BLE001 - one message that fails must not hold back the others
            _log.exception(
                "handling SQS message %s failed; it will be delivered again",
                message.id,
                extra={"event": "sqs_message", "outcome": "failed"},
            )
            return False
        return True

    async def _keep(self, messages: Sequence[Message]) -> None:
        try:
            await self._queue.keep(messages)
        except Unavailable as outage:
            _log.debug(
                "%d messages may be delivered again early",
                len(messages),
                extra={"event": "sqs_message", "reason": str(outage)},
            )


class _Outage:
    """The growing pauses of one outage, and its two log lines."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._seconds = 0.0

    async def pause(self, reason: Unavailable) -> float:
        """Sleep, longer each time; return the seconds slept."""
        if not self._seconds:
            _log.warning(
                "%s: %s; batches still start waiting uploads",
                *(self._name, reason),
                extra={"event": "outage", "part": self._name, "reason": str(reason)},
            )
        self._seconds = min(max(2 * self._seconds, _FIRST_PAUSE), _LONGEST_PAUSE)
        await self._clock.sleep(self._seconds)
        return self._seconds

    def end(self) -> None:
        if self._seconds:
            _log.warning(
                "%s: this outage is over", self._name, extra={"event": "recovery", "part": self._name}
            )
        self._seconds = 0.0
