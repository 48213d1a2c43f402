import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from orak.application.ports.live import LiveMessage
from orak.domain.identity import UserId

CAPACITY = 256
"""Messages that wait for one listener: a minute of ticks, in memory that a thousand listeners may cost."""


class MemoryLive:
    """A `Live` within one process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._listeners: defaultdict[UserId, set[_Listener]] = defaultdict(set)

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Hand *message* to the user's listeners; one that has no room for a change is cut off."""
        for listener in self._listeners.get(user_id, ()):
            listener.offer(message)

    @asynccontextmanager
    async def listen(self, user_id: UserId) -> AsyncIterator[AsyncIterator[LiveMessage]]:
        """Listen until the block is left, or this listener is cut off."""
        listener = _Listener(self._capacity)
        self._listeners[user_id].add(listener)
        try:
            yield listener
        finally:
            listener.end()
            self._listeners[user_id].discard(listener)
            if not self._listeners[user_id]:
                del self._listeners[user_id]


class _Listener:
    """What one listener has not yet taken.

    Whatever was accepted before the end is still handed out, so what it saw has no gap.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[LiveMessage] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    def offer(self, message: LiveMessage) -> None:
        if self._ended:
            return
        if len(self._waiting) < self._capacity:
            self._waiting.append(message)
            self._changed.set()
        elif message.event_id is not None:  # a tick may be missed; a change may not, so this is the end
            self.end()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveMessage:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
