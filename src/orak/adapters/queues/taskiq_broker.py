"""The list on Redis through which taskiq carries wake-ups."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

from redis.asyncio import Redis
from taskiq import AsyncTaskiqDecoratedTask
from taskiq.exceptions import SendTaskError
from taskiq.message import BrokerMessage
from taskiq_redis import ListQueueBroker

from orak.adapters.redis.link import MAX_CONSECUTIVE_OUTAGES, MOST_CONNECTIONS, RedisLink, at_once_again

QUEUE = "orak:wake-ups"
TASK = "orak.look"

MOST = 100
"""Wake-ups that are kept: each brings one worker to look, and a worker that looks goes on by itself."""

_LOOK = 1.0
"""Seconds that one blocking pop lasts, so that a worker which has become busy stops listening."""

_SILENCE = 5.0
"""Seconds after which a connection without an answer to a pop is given up: its other end may be gone."""

_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries to reach Redis again; the last one repeats."""


async def _nothing() -> None:
    """Stand for the task in processes that only send it."""


class WakeUpBroker(ListQueueBroker):
    """A broker of wake-ups that never grows, listens only on behalf of who has room, and outlives outages.

    A list, because a stream's consumers are deaf after FLUSHALL, and redelivery is the row's business.
    """

    def __init__(
        self,
        url: str,
        link: RedisLink,
        look: Callable[[], Awaitable[None]] | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Send wake-ups; given *look* and *room*, call the one for each, as often as the other returns."""
        super().__init__(
            url,
            queue_name=QUEUE,
            max_connection_pool_size=MOST_CONNECTIONS,
            socket_timeout=_SILENCE,
            socket_connect_timeout=_LOOK,
            retry=at_once_again(),
        )
        self._link = link
        self._room = room
        self._task: AsyncTaskiqDecoratedTask[[], Any] = self.register_task(look or _nothing, TASK)

    async def send(self) -> None:
        """Add a wake-up. Raise `Unavailable` if Redis does not take it in time."""
        await self._link.ask(self._send)

    async def _send(self) -> None:
        try:
            await self._task.kiq()
        except SendTaskError as error:
            raise error.__cause__ or error from None

    async def kick(self, message: BrokerMessage) -> None:
        """Add a wake-up; beyond `MOST` the oldest goes."""
        async with (
            Redis(connection_pool=self.connection_pool) as redis,
            redis.pipeline(transaction=False) as pipeline,
        ):
            pipeline.lpush(self.queue_name, message.message)
            pipeline.ltrim(self.queue_name, 0, MOST - 1)
            await pipeline.execute()

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield wake-ups, as many as there is room for. Never ends, and never raises for an outage."""
        failures = 0
        while True:
            if self._room is not None:
                await self._room()
            try:
                async with Redis(connection_pool=self.connection_pool) as redis:
                    popped = await redis.brpop([self.queue_name], timeout=_LOOK)
            except MAX_CONSECUTIVE_OUTAGES as error:
                self._link.note_outage(error)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                continue
            failures = 0
            self._link.note_answer()
            if popped is not None:
                yield cast("bytes", popped[1])
