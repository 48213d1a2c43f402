import asyncio
from contextvars import Context
from dataclasses import dataclass, field

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Backlog, Cursors
from orak.application.ports.event_log import EventLog


@dataclass(slots=True)
class EventBacklog:
    """Reads what waits for the subscribers of the event log, after it has numbered the new events.

    Subscribers that ask at the same time share one read.
    """

    event_log: EventLog
    cursors: Cursors
    clock: Clock
    is_empty: bool = field(init=False, default=False)
    """Whether the last read found nothing for any subscriber, now or later."""
    _next: asyncio.Task[Backlog] | None = field(init=False, default=None)
    _reads: int = field(init=False, default=0)

    async def __call__(self) -> Backlog:
        """Return the backlog, with every event numbered that was committed before this call.

        Raise `Unavailable` if the database cannot be reached.
        """
        if self._next is None:
            # The read serves several callers, so it must not inherit the context of the first one.
            self._next = asyncio.create_task(self._read(), context=Context())
            self._next.add_done_callback(_note_outcome)
        # A caller that is cancelled must not cancel the read for the others.
        return await asyncio.shield(self._next)

    async def _read(self) -> Backlog:
        await asyncio.sleep(0)  # callers of this turn of the event loop join
        self._next = None  # a later caller may have committed an event that this read does not see
        self._reads += 1
        read, self.is_empty = self._reads, False
        backlog = await self.cursors.backlog(self.clock.now())
        if backlog.has_unnumbered:
            await self.event_log.number()
            backlog = await self.cursors.backlog(self.clock.now())
        if read == self._reads:  # no later read has begun
            self.is_empty = not backlog.has_unnumbered and not backlog.pending
        return backlog


def _note_outcome(read: asyncio.Task[Backlog]) -> None:
    if not read.cancelled():
        read.exception()  # asyncio would log an error that no caller waits for any more
