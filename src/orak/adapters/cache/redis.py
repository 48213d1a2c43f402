from datetime import datetime, timedelta
from typing import Any

import msgspec

from orak.adapters.redis.link import RedisLink
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.snapshot_cache import INVALIDATED_FOR, LIFE, version_of
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_INVALIDATED = b"~"
"""The value of an invalidated key; compared as bytes, it is newer than any version."""

_VERSION_BYTES = 60
"""Bytes of the version before a value: three numbers of 20 digits, which compare like numbers."""

_PUT_UNLESS_NEWER = """
local kept = redis.call('GET', KEYS[1])
if kept and string.sub(kept, 1, tonumber(ARGV[4])) > ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1
"""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    read_at: datetime
    snapshot: RecordSnapshot


class RedisCache:
    """A `SnapshotCache` on Redis, shared by all processes; empty during an outage.

    Each value holds the time at which its snapshot was read, so that a Redis that was paused cannot make it
    look younger. The clocks of the processes must agree to about a second. Each value also names its record:
    after a cancelled command, a connection may return the answer to the command before.
    """

    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._put = link.client.register_script(_PUT_UNLESS_NEWER)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Entry)

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return a snapshot read less than `LIFE` ago, or None.

        An invalidation that got no answer may leave an outdated snapshot on Redis. After such a failure the
        cache finds nothing until every snapshot from before is older than `LIFE`.
        """
        if self._link.failed_within(LIFE.total_seconds()):
            return None
        try:
            value: Any = await self._link.call(lambda: self._link.client.get(_key(record_id)))
        except Unavailable:
            return None
        if not isinstance(value, bytes) or len(value) <= _VERSION_BYTES:
            return None
        try:
            entry = self._decoder.decode(memoryview(value)[_VERSION_BYTES:])
        except msgspec.DecodeError:  # written by another release
            return None
        is_requested = entry.snapshot.record.id == record_id
        return entry.snapshot if is_requested and self._age(entry.read_at) < LIFE else None

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *snapshot*, unless it is invalidated, too old or not the newest."""
        life_left = LIFE - self._age(read_at)
        if life_left <= timedelta(0):
            return
        version = b"".join(b"%020d" % number for number in version_of(snapshot))
        value = self._encoder.encode(_Entry(read_at, snapshot))
        arguments: list[bytes | int] = [version, value, _milliseconds(life_left), _VERSION_BYTES]
        try:
            await self._link.call(lambda: self._put(keys=[_key(snapshot.record.id)], args=arguments))
        except Unavailable:
            return

    async def invalidate(self, record_id: RecordId) -> None:
        """Drop the snapshot of a record, and keep none for `INVALIDATED_FOR`."""
        try:
            await self._link.call(
                lambda: self._link.client.set(
                    _key(record_id), _INVALIDATED, px=_milliseconds(INVALIDATED_FOR)
                )
            )
        except Unavailable:
            return

    def _age(self, read_at: datetime) -> timedelta:
        return abs(self._clock.now() - read_at)


def _key(record_id: RecordId) -> str:
    return f"orak:recording:{record_id}"


def _milliseconds(duration: timedelta) -> int:
    return max(1, int(duration / timedelta(milliseconds=1)))
