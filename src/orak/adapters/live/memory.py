import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from orak.application.ports.live import LiveMessage
from orak.domain.identity import UserId

CAPACITY = 256
"""Messages that may wait for one client: a minute of ticks, in memory that a thousand clients may use."""


class MemoryLive:
    """A `Live` within one process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._subscriptions: defaultdict[UserId, set[_Subscription]] = defaultdict(set)

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Pass *message* to the user's clients.

        A subscription without room for a change ends.
        """
        for subscription in self._subscriptions.get(user_id, ()):
            subscription.offer(message)

    @asynccontextmanager
    async def listen(self, user_id: UserId) -> AsyncIterator[AsyncIterator[LiveMessage]]:
        """Subscribe until the block ends, or until too many messages wait."""
        subscription = _Subscription(self._capacity)
        self._subscriptions[user_id].add(subscription)
        try:
            yield subscription
        finally:
            subscription.end()
            self._subscriptions[user_id].discard(subscription)
            if not self._subscriptions[user_id]:
                del self._subscriptions[user_id]


class _Subscription:
    """The messages that wait for one client.

    Messages accepted before the end are still delivered, so the client sees no gap.
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
        elif message.event_id is not None:  # a client may miss ticks; it must not miss a change
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
