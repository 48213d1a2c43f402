from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner
from orak.adapters.persistence.sql.tables import idempotency_keys
from orak.application.ports.clock import Clock
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import IdempotencyMismatch

LIFE = timedelta(hours=24)
"""How long a key is remembered."""

_KEY = (idempotency_keys.c.user_id, idempotency_keys.c.route, idempotency_keys.c.key)
_KEPT = select(*_KEY, idempotency_keys.c.fingerprint, idempotency_keys.c.made_id).where(
    idempotency_keys.c.created_at > bindparam("oldest"),
    tuple_(*_KEY).in_(bindparam("keys", expanding=True)),
)
_FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= bindparam("oldest"))
_KEEP = insert(idempotency_keys)

KeyTuple = tuple[int, str, str]


class Kept(msgspec.Struct, frozen=True):
    """What a key was first used for."""

    fingerprint: str
    made: int

    def by(self, idempotency_key: IdempotencyKey) -> int:
        """Return what was made. Raise `IdempotencyMismatch` if *once* comes with another body."""
        if self.fingerprint != idempotency_key.fingerprint:
            raise IdempotencyMismatch
        return self.made


def key_of(idempotency_key: IdempotencyKey) -> KeyTuple:
    """Return what names a call."""
    return idempotency_key.user_id, idempotency_key.route, idempotency_key.key


def find_keys(
    connection: Connection, idempotency_keys: Sequence[IdempotencyKey], now: datetime
) -> dict[KeyTuple, Kept]:
    """Return what is remembered of each."""
    if not idempotency_keys:
        return {}
    rows = connection.execute(
        _KEPT,
        {"oldest": now - LIFE, "keys": [key_of(idempotency_key) for idempotency_key in idempotency_keys]},
    )
    return {(user, route, key): Kept(fingerprint, made) for user, route, key, fingerprint, made in rows}


def keep_keys(connection: Connection, calls: Sequence[tuple[IdempotencyKey, int]], now: datetime) -> None:
    """Remember what each call made, and forget what is too old."""
    if not calls:
        return
    connection.execute(_FORGET, {"oldest": now - LIFE})
    connection.execute(
        _KEEP,
        [
            {
                "user_id": idempotency_key.user_id,
                "route": idempotency_key.route,
                "key": idempotency_key.key,
                "fingerprint": idempotency_key.fingerprint,
                "made_id": made,
                "created_at": now,
            }
            # In one order, or two groups with the same keys could wait for each other.
            for idempotency_key, made in sorted(calls, key=lambda call: key_of(call[0]))
        ],
    )


class SqlIdempotencyKeys:
    """Which calls were made before, within one transaction."""

    def __init__(self, transaction: Runner, clock: Clock) -> None:
        self._transaction = transaction
        self._clock = clock

    async def find(self, idempotency_key: IdempotencyKey) -> int | None:
        """Return what the first call made, or None. Raise `IdempotencyMismatch`."""
        kept = await self._transaction.run_sync(find_keys, [idempotency_key], self._clock.now())
        return kept[key_of(idempotency_key)].by(idempotency_key) if kept else None

    async def keep(self, idempotency_key: IdempotencyKey, made: int) -> None:
        """Remember what this call makes. Raise `StaleVersion` if another call with the key was faster."""
        await self._transaction.run_sync(keep_keys, [(idempotency_key, made)], self._clock.now())
