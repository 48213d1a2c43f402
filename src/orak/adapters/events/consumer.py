import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from orak.adapters.events.messages import BrokenMessage
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)

KEPT = 60
"""Seconds for which a message that was received is nobody else's: far beyond what acting on ten takes."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds before the next try while something is down: at first, and at most; less than a message is kept."""

_HELD = 180.0
"""Seconds for which messages are held that cannot be acted on; it may be their own fault after all."""


class Message(msgspec.Struct, frozen=True):
    """One delivery of a message; *handle* is this delivery's, *id* every one's."""

    id: str
    handle: str
    body: str


class MessageQueue(Protocol):
    """Delivers each message at least once, in any order, until it is deleted."""

    async def receive(self) -> Sequence[Message]:
        """Wait a while for messages; return a few. Raise `Unavailable`."""
        ...

    async def delete(self, messages: Sequence[Message]) -> None:
        """Have these not come again. Raise `Unavailable`."""
        ...

    async def keep(self, messages: Sequence[Message]) -> None:
        """Put off when these come again. Raise `Unavailable`."""
        ...


class Consumer:
    """Has every message of a queue acted on, a few at a time; it goes when that has had its effect.

    While nothing can be acted on, the messages at hand are held and no others received: an outage of some
    minutes makes no dead letters. Of an outage on either side the log tells the beginning and the end.
    """

    def __init__(self, queue: MessageQueue, hear: Callable[[str], Awaitable[None]], clock: Clock) -> None:
        """Act by *hear*, which raises `BrokenMessage`, or `Unavailable` for what it can do later."""
        self._queue = queue
        self._hear = hear
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin; to be called once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name="events")

    async def stop(self) -> None:
        """End at once; what was not done comes again."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        queue = _Outage("events cannot be received", self._clock)
        effect = _Outage("events cannot be acted on", self._clock)
        while not self._stopping:
            try:
                messages = await self._queue.receive()
            except Unavailable as silence:
                await queue.goes_on(silence)
                continue
            except Exception:  # noqa: BLE001 - a bug in one round must not end all rounds
                _log.exception("events could not be received")
                await self._clock.sleep(_LONGEST_PAUSE)
                continue
            queue.is_over()
            held = 0.0
            while (outage := await self._act(messages)) is not None and not self._stopping:
                held += await effect.goes_on(outage)
                if held > _HELD:
                    break
                await self._keep(messages)
            else:
                effect.is_over()

    async def _act(self, messages: Sequence[Message]) -> Unavailable | None:
        """Act on these, all at once; return why, if none of them can be acted on at present."""
        fates = await asyncio.gather(*map(self._fate, messages))
        done = [message for message, fate in zip(messages, fates, strict=True) if fate is True]
        if done:
            try:
                await self._queue.delete(done)
            except Unavailable as outage:
                _log.debug("%d events come again: %s", len(done), outage)
        outages = [fate for fate in fates if isinstance(fate, Unavailable)]
        return outages[0] if outages and len(outages) == len(fates) else None

    async def _fate(self, message: Message) -> bool | Unavailable:
        """Act on one; return whether it may go now, or what keeps it from having its effect."""
        try:
            await self._hear(message.body)
        except BrokenMessage as broken:
            _log.warning("message %s is left to the dead letters: %s", message.id, broken)
            return False
        except Unavailable as outage:
            _log.debug("message %s waits: %s", message.id, outage)
            return outage
        except Exception:  # noqa: BLE001 - what one message trips over must not keep the others
            _log.exception("message %s is left to come again", message.id)
            return False
        return True

    async def _keep(self, messages: Sequence[Message]) -> None:
        try:
            await self._queue.keep(messages)
        except Unavailable as outage:
            _log.debug("%d events come again: %s", len(messages), outage)


class _Outage:
    """Pauses ever longer while something is down, and tells of it twice."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._pause = 0.0

    async def goes_on(self, why: Unavailable) -> float:
        """Return after the pause, with its seconds."""
        if not self._pause:
            _log.warning("%s: %s; the sweep goes on without", self._name, why)
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        await self._clock.sleep(self._pause)
        return self._pause

    def is_over(self) -> None:
        if self._pause:
            _log.warning("%s: that is over", self._name)
        self._pause = 0.0
