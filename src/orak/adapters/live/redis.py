import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import astuple
from redis.asyncio import Redis

from orak.adapters.live.memory import CAPACITY, MemoryLive
from orak.adapters.redis.link import MAX_CONSECUTIVE_OUTAGES, PATIENCE, REST, RedisLink
from orak.application.ports.failures import Unavailable
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus

_log = logging.getLogger(__name__)

_CHANNEL = "orak:ticks"

_MOST_UNSENT = 64
"""Ticks on their way to Redis; more than that are missed, rather than kept."""


_QUIET = 10.0
"""Seconds without a tick after which Redis is asked whether it is still there."""

_PONG = 2.0
"""Seconds that it has to say so."""


class _TickMessage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A `LiveMessage` as it travels between processes, which may run different releases."""

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


class RedisLive:
    """A `Live` between processes: ticks go through Redis, changes stay here.

    All ticks take one channel, and each process picks those of its own listeners: there are four a second for
    each conversion that runs anywhere, and no more. A Redis that is away costs ticks and nothing else.
    """

    def __init__(self, link: RedisLink, capacity: int = CAPACITY) -> None:
        self._link = link
        self._own = MemoryLive(capacity)
        self._sending: set[asyncio.Task[None]] = set()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Tick)
        self._listens = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, link: RedisLink, capacity: int = CAPACITY) -> AsyncIterator[Self]:
        """Listen to the others over a connection of its own, at *url*; tell them over *link*."""
        live = cls(link, capacity)
        listening = asyncio.create_task(live._follow(url), name="ticks")
        try:
            yield live
        finally:
            for task in (listening, *live._sending):
                task.cancel()
            await asyncio.wait({listening, *live._sending})

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Hand *message* to the user's listeners: a change to those of this process, a tick to all."""
        if message.event_id is not None or not self._listens.is_set():
            await self._own.publish(user_id, message)
        if message.event_id is None and len(self._sending) < _MOST_UNSENT:
            sending = asyncio.create_task(self._send(_Tick(user_id, _TickMessage(*astuple(message)))))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    def listen(self, user_id: UserId) -> AbstractAsyncContextManager[AsyncIterator[LiveMessage]]:
        """Listen until the block is left, or this listener is cut off."""
        return self._own.listen(user_id)

    async def connected(self) -> None:
        """Return once ticks of other processes come in."""
        await self._listens.wait()

    async def _send(self, tick: _Tick) -> None:
        try:
            await self._link.ask(lambda: self._link.client.publish(_CHANNEL, self._encoder.encode(tick)))
        except Unavailable:
            return

    async def _follow(self, url: str) -> None:
        while True:
            # No time-out for reading: where nobody sings, nothing comes.
            client = Redis.from_url(url, socket_timeout=None, socket_connect_timeout=PATIENCE)
            try:
                await self._read(client)
            except MAX_CONSECUTIVE_OUTAGES as error:
                self._link.note_outage(error)
            finally:
                self._listens.clear()
                await client.aclose()
            await asyncio.sleep(REST)

    async def _read(self, client: Redis) -> None:
        async with client.pubsub() as channel:
            await channel.subscribe(_CHANNEL)
            quiet = False
            while True:
                said = await channel.get_message(timeout=_PONG if quiet else _QUIET)
                if said is None:
                    if quiet:
                        raise TimeoutError("no answer")
                    quiet = True  # nothing to tell, or a dead connection: only asking shows which
                    await channel.ping()
                    continue
                quiet = False
                if said["type"] == "subscribe":
                    self._listens.set()
                elif said["type"] == "message":
                    await self._pass_on(said["data"])

    async def _pass_on(self, data: bytes) -> None:
        try:
            tick = self._decoder.decode(data)
        except msgspec.DecodeError:  # another release's
            return
        await self._own.publish(tick.user_id, LiveMessage(*astuple(tick.message)))
