from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orak.application.live_messages import message_of
from orak.application.ports.event_log import EventLog
from orak.application.ports.live import Live, LiveMessage
from orak.domain.actor import Actor
from orak.domain.identity import RecordId
from orak.domain.processing import ProcessingStatus

_PAGE = 500


@dataclass(frozen=True, slots=True)
class WatchRecords:
    """Stream status changes of the caller's own records.

    The stream begins where the caller left off, or now. Every change comes once, in order, with an event id
    after which a later call resumes. Progress ticks come between the changes, without an id: at most four a
    second for each record, and some may be missed.
    """

    live: Live
    event_log: EventLog
    follow: Callable[[], Awaitable[None]]
    """Passes new events to the subscribers of this process."""

    @asynccontextmanager
    async def __call__(self, actor: Actor, after: int | None = None) -> AsyncIterator["Watch"]:
        """Watch until the block ends.

        Begin after event id *after*, or after the last event.

        An event id beyond the last event counts as the last. Raise `Unavailable` if the database cannot be
        reached.
        """
        async with self.live.listen(actor.user_id) as heard:
            # A process that has just started begins to follow here, so it passes on all events after `last`.
            # An event that is both read and heard is yielded once, by its position.
            await self.follow()
            last = await self.event_log.last()
            begin = last if after is None else min(after, last)
            yield Watch(begin, heard, self._missed(actor, begin, last))

    async def _missed(self, actor: Actor, begin: int, last: int) -> AsyncIterator[LiveMessage]:
        position = begin
        while page := await self.event_log.of_user(actor.user_id, position, last, _PAGE):
            for logged in page:
                if message := message_of(logged):
                    yield message
            position = page[-1].position


@dataclass(slots=True)
class Watch:
    """The messages of one watch; each iterator can be read once."""

    position: int
    """The event id of the last change that was yielded; at first, where the watch began."""
    _heard: AsyncIterator[LiveMessage]
    _missed: AsyncIterator[LiveMessage]
    _ended: set[RecordId] = field(default_factory=set)

    async def missed(self) -> AsyncIterator[LiveMessage]:
        """Iterate over the changes before the watch began, oldest first.

        Read these before `heard`.
        """
        async for message in self._missed:
            self._note(message)
            yield message

    async def heard(self) -> AsyncIterator[LiveMessage]:
        """Iterate over new messages.

        The iterator ends if the caller reads so slowly that changes would be lost.
        """
        async for message in self._heard:
            if self._is_news(message):
                self._note(message)
                yield message

    def _is_news(self, message: LiveMessage) -> bool:
        if message.event_id is None:  # a tick of another process may come after the last change
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
