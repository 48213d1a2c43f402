"""The Redis list that carries wake-ups, as a taskiq broker."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, cast

from redis.asyncio import Redis
from taskiq import AsyncTaskiqDecoratedTask
from taskiq.exceptions import SendTaskError
from taskiq.message import BrokerMessage
from taskiq_redis import ListQueueBroker

from orak.adapters.redis.link import MAX_CONNECTIONS, OUTAGE_ERRORS, RedisLink
from orak.adapters.redis.pools import connection_pool

QUEUE = "orak:wake-ups"
TASK = "orak.look"

MAX_WAKE_UPS = 10_000
"""Length of the list: each wake-up starts one upload. Uploads beyond it are left to the batches."""

_COPIES = "copies"
"""The label of a message that says how many wake-ups it stands for."""

_POP_SECONDS = 1.0
"""Seconds that one blocking pop lasts, after which a worker that has become busy stops listening."""

_SOCKET_SECONDS = 5.0
"""Seconds without an answer to a pop after which the connection counts as broken."""

_RETRY_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between attempts to reach Redis again; the last pause repeats."""


async def _nothing() -> None:
    """Stand in for the task in processes that only send wake-ups."""


class WakeUpBroker(ListQueueBroker):
    """A broker of wake-ups whose list has a fixed maximum length.

    It is a list, not a stream: consumers of a stream receive nothing after FLUSHALL, and a lost wake-up needs
    no redelivery, because the row stays in the database.
    """

    def __init__(
        self,
        url: str,
        link: RedisLink,
        wake: Callable[[], Awaitable[None]] | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Send wake-ups. To listen too, pass *wake* and *room*.

        The listener calls *wake* for each wake-up, and awaits *room* before it takes the next one.
        """
        super().__init__("redis://", queue_name=QUEUE)  # its pool is replaced: it knows nothing of Sentinel
        self.connection_pool = connection_pool(
            url,
            max_connections=MAX_CONNECTIONS,
            socket_timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_POP_SECONDS,
        )
        self._link = link
        self._room = room
        self._task: AsyncTaskiqDecoratedTask[[], Any] = self.register_task(wake or _nothing, TASK)

    async def send(self, wake_ups: int = 1) -> None:
        """Send wake-ups. Raise `Unavailable` if Redis does not answer in time."""
        await self._link.call(partial(self._send, min(wake_ups, MAX_WAKE_UPS)))

    async def _send(self, wake_ups: int) -> None:
        try:
            await self._task.kicker().with_labels(**{_COPIES: wake_ups}).kiq()
        except SendTaskError as error:
            raise error.__cause__ or error from None

    async def kick(self, message: BrokerMessage) -> None:
        """Add wake-ups; drop the oldest if there are more than `MAX_WAKE_UPS`."""
        async with (
            Redis(connection_pool=self.connection_pool) as redis,
            redis.pipeline(transaction=False) as pipeline,
        ):
            pipeline.lpush(self.queue_name, *[message.message] * int(message.labels[_COPIES]))
            pipeline.ltrim(self.queue_name, 0, MAX_WAKE_UPS - 1)
            await pipeline.execute()

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield wake-ups as there is room for them.

        Never end and never raise for an outage, but retry.
        """
        failures = 0
        while True:
            if self._room is not None:
                await self._room()
            try:
                async with Redis(connection_pool=self.connection_pool) as redis:
                    popped = await redis.brpop([self.queue_name], timeout=_POP_SECONDS)
            except OUTAGE_ERRORS as error:
                self._link.note_outage(error)
                await asyncio.sleep(_RETRY_PAUSES[min(failures, len(_RETRY_PAUSES) - 1)])
                failures += 1
                continue
            failures = 0
            self._link.note_answer()
            if popped is not None:
                yield cast("bytes", popped[1])
