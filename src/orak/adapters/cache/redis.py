from datetime import datetime, timedelta
from typing import Any

import msgspec

from orak.adapters.redis.link import RedisLink
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.snapshot_cache import INVALIDATED_FOR, LIFE, version_of
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot

_MARK = b"~"
"""The value of a withheld key: by its first byte it is newer than any version."""

_WIDTH = 60
"""Bytes of a version in front of a value: three numbers of 20 digits, so that bytes compare as numbers do."""

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
    """A `SnapshotCache` shared by all processes on one Redis; what Redis does not answer in time is unknown.

    When a recording was read stands in its value, so that a Redis that stood still cannot make it younger;
    the clocks of the processes need to agree to a second or so. And a value says whose it is: after a
    cancelled command, a connection may give its next user the answer to the one before.
    """

    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._put = link.client.register_script(_PUT_UNLESS_NEWER)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Entry)

    async def get(self, record_id: RecordId) -> RecordSnapshot | None:
        """Return the recording as it was at most `LIFE` ago; None if that is not known.

        A recording that could not be withheld is still there when Redis answers again. So until all that it
        may hold from before is too old, nothing counts.
        """
        if self._link.left_unanswered(LIFE.total_seconds()):
            return None
        try:
            value: Any = await self._link.ask(lambda: self._link.client.get(_key(record_id)))
        except Unavailable:
            return None
        if not isinstance(value, bytes) or len(value) <= _WIDTH:
            return None
        try:
            entry = self._decoder.decode(memoryview(value)[_WIDTH:])
        except msgspec.DecodeError:  # another release's
            return None
        is_asked_for = entry.snapshot.record.id == record_id
        return entry.snapshot if is_asked_for and self._age(entry.read_at) < LIFE else None

    async def put(self, snapshot: RecordSnapshot, *, read_at: datetime) -> None:
        """Keep *recording* unless it is withheld, old, or older than what is kept."""
        left = LIFE - self._age(read_at)
        if left <= timedelta(0):
            return
        version = b"".join(b"%020d" % number for number in version_of(snapshot))
        value = self._encoder.encode(_Entry(read_at, snapshot))
        arguments: list[bytes | int] = [version, value, _milliseconds(left), _WIDTH]
        try:
            await self._link.ask(lambda: self._put(keys=[_key(snapshot.record.id)], args=arguments))
        except Unavailable:
            return

    async def invalidate(self, record_id: RecordId) -> None:
        """Forget the recording, and keep none for the time of `INVALIDATED_FOR`."""
        try:
            await self._link.ask(
                lambda: self._link.client.set(_key(record_id), _MARK, px=_milliseconds(INVALIDATED_FOR))
            )
        except Unavailable:
            return

    def _age(self, read_at: datetime) -> timedelta:
        return abs(self._clock.now() - read_at)


def _key(record_id: RecordId) -> str:
    return f"orak:recording:{record_id}"


def _milliseconds(duration: timedelta) -> int:
    return max(1, int(duration / timedelta(milliseconds=1)))
