from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orak.application.live_messages import message_of
from orak.application.ports.event_log import EventLog
from orak.application.ports.live import Live, LiveMessage
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.processing import ProcessingStatus

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WatchRecords:
    """Follow the caller's own recordings from where they left off, or from now on.

    Every change comes once, in order, under an event id that a later call resumes after. Between changes
    come ticks of progress, without an id: at most four a second for a take, and some may be missed.
    """

    live: Live
    event_log: EventLog
    follow: Callable[[], Awaitable[None]]
    """Has this process's listeners told of what is new."""

    @asynccontextmanager
    async def __call__(self, actor: Actor, after: int | None = None) -> AsyncIterator["Watch"]:
        """Watch until the block is left; *after* an event id, and not before this feed has one like it.

        Raise `Unavailable` if the database cannot be reached.
        """
        async with self.live.listen(actor.user_id) as heard:
            # Otherwise a process that has just started might begin to follow after the last event. An event
            # that is both read and heard is yielded once, by its position.
            await self.follow()
            last = await self.event_log.last()
            begin = last if after is None else min(after, last)
            yield Watch(begin, heard, self._missed(actor, begin, last))

    async def _missed(self, actor: Actor, begin: int, last: int) -> AsyncIterator[LiveMessage]:
        place = begin
        while page := await self.event_log.of_user(actor.user_id, place, last, _AT_ONCE):
            for logged in page:
                if message := message_of(logged):
                    yield message
            place = page[-1].position


@dataclass(slots=True)
class Watch:
    """What a caller is told; to be read once."""

    position: int
    """The event id of the last change that was told; at first, where it began."""
    _heard: AsyncIterator[LiveMessage]
    _missed: AsyncIterator[LiveMessage]
    _ended: set[RecordId] = field(default_factory=set)

    async def missed(self) -> AsyncIterator[LiveMessage]:
        """Return what happened before the watch began, oldest first; to be read before what is `heard`."""
        async for message in self._missed:
            self._note(message)
            yield message

    async def heard(self) -> AsyncIterator[LiveMessage]:
        """Return what happens; it ends when the caller reads so slowly that changes would be lost."""
        async for message in self._heard:
            if self._is_news(message):
                self._note(message)
                yield message

    def _is_news(self, message: LiveMessage) -> bool:
        if message.event_id is None:  # a tick may come from another process, later than the end
            return message.record_id not in self._ended
        return message.event_id > self.position

    def _note(self, message: LiveMessage) -> None:
        if message.event_id is None:
            return
        self.position = message.event_id
        if message.processing_status is ProcessingStatus.PROCESSING:
            self._ended.discard(message.record_id)
        else:
            self._ended.add(message.record_id)
