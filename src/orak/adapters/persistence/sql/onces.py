from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner
from orak.adapters.persistence.sql.tables import idempotency_keys
from orak.application.ports.clock import Clock
from orak.application.ports.persistence import Once
from orak.domain.errors import OnceMismatch

LIFE = timedelta(hours=24)
"""How long a key is remembered."""

_KEY = (idempotency_keys.c.user_id, idempotency_keys.c.route, idempotency_keys.c.key)
_KEPT = select(*_KEY, idempotency_keys.c.fingerprint, idempotency_keys.c.made_id).where(
    idempotency_keys.c.created_at > bindparam("oldest"),
    tuple_(*_KEY).in_(bindparam("keys", expanding=True)),
)
_FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= bindparam("oldest"))
_KEEP = insert(idempotency_keys)

OnceKey = tuple[int, str, str]


class Kept(msgspec.Struct, frozen=True):
    """What a key was first used for."""

    fingerprint: str
    made: int

    def by(self, once: Once) -> int:
        """Return what was made. Raise `OnceMismatch` if *once* comes with another body."""
        if self.fingerprint != once.fingerprint:
            raise OnceMismatch
        return self.made


def key_of(once: Once) -> OnceKey:
    """Return what names a call."""
    return once.user_id, once.route, once.key


def find_onces(connection: Connection, onces: Sequence[Once], now: datetime) -> dict[OnceKey, Kept]:
    """Return what is remembered of each."""
    if not onces:
        return {}
    rows = connection.execute(_KEPT, {"oldest": now - LIFE, "keys": [key_of(once) for once in onces]})
    return {(user, route, key): Kept(fingerprint, made) for user, route, key, fingerprint, made in rows}


def keep_onces(connection: Connection, calls: Sequence[tuple[Once, int]], now: datetime) -> None:
    """Remember what each call made, and forget what is too old."""
    if not calls:
        return
    connection.execute(_FORGET, {"oldest": now - LIFE})
    connection.execute(
        _KEEP,
        [
            {
                "user_id": once.user_id,
                "route": once.route,
                "key": once.key,
                "fingerprint": once.fingerprint,
                "made_id": made,
                "created_at": now,
            }
            # In one order, or two groups with the same keys could wait for each other.
            for once, made in sorted(calls, key=lambda call: key_of(call[0]))
        ],
    )


class SqlOnces:
    """Which calls were made before, within one transaction."""

    def __init__(self, transaction: Runner, clock: Clock) -> None:
        self._transaction = transaction
        self._clock = clock

    async def find(self, once: Once) -> int | None:
        """Return what the first call made, or None. Raise `OnceMismatch`."""
        kept = await self._transaction.run_sync(find_onces, [once], self._clock.now())
        return kept[key_of(once)].by(once) if kept else None

    async def keep(self, once: Once, made: int) -> None:
        """Remember what this call makes. Raise `StaleVersion` if another call with the key was faster."""
        await self._transaction.run_sync(keep_onces, [(once, made)], self._clock.now())
