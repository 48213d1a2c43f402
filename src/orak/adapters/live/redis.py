import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import astuple
from redis.asyncio import Redis

from orak.adapters.live.memory import CAPACITY, MemoryLive
from orak.adapters.redis.link import COOLDOWN, OUTAGE_ERRORS, TIMEOUT, RedisLink
from orak.adapters.redis.pools import connection_pool
from orak.application.ports.failures import Unavailable
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus

_CHANNEL = "orak:ticks"

_MAX_UNSENT = 64
"""Ticks being sent to Redis at once; further ticks are dropped."""

_QUIET = 10.0
"""Seconds without a tick after which the process pings Redis."""

_PONG = 2.0
"""Seconds that Redis has to answer the ping."""


class _TickMessage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The fields of `LiveMessage` under the names that are sent.

    Other releases read these names.
    """

    event_id: int | None
    record_id: RecordId
    upload_id: UploadId
    processing_status: ProcessingStatus
    progress: int
    at: datetime
    deleted: bool = False


class _Tick(msgspec.Struct, frozen=True, array_like=True):
    user_id: UserId
    message: _TickMessage


def encode_tick(user_id: UserId, message: LiveMessage) -> bytes:
    """Return a tick as it is sent to other processes."""
    return msgspec.msgpack.encode(_Tick(user_id, _TickMessage(*astuple(message))))


class RedisLive:
    """A `Live` for several processes: ticks go through Redis, changes do not.

    All ticks use one channel, and each process picks those of its own clients. Every running conversion sends
    at most four ticks a second. An outage of Redis costs ticks only.
    """

    def __init__(self, link: RedisLink, capacity: int = CAPACITY) -> None:
        self._link = link
        self._local = MemoryLive(capacity)
        self._sending: set[asyncio.Task[None]] = set()
        self._decoder = msgspec.msgpack.Decoder(_Tick)
        self._subscribed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink, capacity: int = CAPACITY) -> AsyncIterator[Self]:
        """Receive ticks over a new connection to *url*, and send them over *link*."""
        live = cls(link, capacity)
        receiving = asyncio.create_task(live._receive(url), name="ticks")
        try:
            yield live
        finally:
            for task in (receiving, *live._sending):
                task.cancel()
            await asyncio.wait({receiving, *live._sending})

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Pass a change to the user's clients of this process, a tick to all of them."""
        if message.event_id is not None or not self._subscribed.is_set():
            await self._local.publish(user_id, message)
        if message.event_id is None and len(self._sending) < _MAX_UNSENT:
            sending = asyncio.create_task(self._send(encode_tick(user_id, message)))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    def listen(self, user_id: UserId) -> AbstractAsyncContextManager[AsyncIterator[LiveMessage]]:
        """Subscribe until the block ends, or until too many messages wait."""
        return self._local.listen(user_id)

    async def connected(self) -> None:
        """Return once ticks of other processes arrive."""
        await self._subscribed.wait()

    async def _send(self, tick: bytes) -> None:
        try:
            await self._link.call(lambda: self._link.client.publish(_CHANNEL, tick))
        except Unavailable:
            return

    async def _receive(self, url: str) -> None:
        while True:
            # No read timeout: if nothing is being converted, no ticks arrive. `_read` pings Redis instead.
            pool = connection_pool(url, socket_timeout=None, socket_connect_timeout=TIMEOUT)
            client = Redis.from_pool(pool)
            try:
                await self._read(client)
            except OUTAGE_ERRORS as error:
                self._link.note_outage(error)
            finally:
                self._subscribed.clear()
                await client.aclose()
            await asyncio.sleep(COOLDOWN)

    async def _read(self, client: Redis) -> None:
        async with client.pubsub() as channel:
            await channel.subscribe(_CHANNEL)
            pinged = False
            while True:
                received = await channel.get_message(timeout=_PONG if pinged else _QUIET)
                if received is None:
                    if pinged:
                        raise TimeoutError("no answer")
                    pinged = True  # only a ping tells silence from a dead connection
                    await channel.ping()
                    continue
                pinged = False
                if received["type"] == "subscribe":
                    self._subscribed.set()
                elif received["type"] == "message":
                    await self._pass_on(received["data"])

    async def _pass_on(self, data: bytes) -> None:
        try:
            tick = self._decoder.decode(data)
        except msgspec.DecodeError:  # sent by another release
            return
        await self._local.publish(tick.user_id, LiveMessage(*astuple(tick.message)))
