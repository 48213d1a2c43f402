from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.tables import idempotency_keys
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKey
from orak.domain.errors import IdempotencyMismatch

_KEY = (idempotency_keys.c.user_id, idempotency_keys.c.route, idempotency_keys.c.key)
_FIND = select(*_KEY, idempotency_keys.c.fingerprint, idempotency_keys.c.made_id).where(
    idempotency_keys.c.created_at > bindparam("oldest"),
    tuple_(*_KEY).in_(bindparam("keys", expanding=True)),
)
_FORGET = delete(idempotency_keys).where(idempotency_keys.c.created_at <= bindparam("oldest"))
_KEEP = insert(idempotency_keys)

KeyTuple = tuple[int, str, str]


class FirstCall(msgspec.Struct, frozen=True):
    """The first call with a key: the digest of its body, and the id that it made."""

    fingerprint: str
    made_id: int

    def made_for(self, idempotency_key: IdempotencyKey) -> int:
        """Return the id that the first call made. Raise `IdempotencyMismatch`."""
        if self.fingerprint != idempotency_key.fingerprint:
            raise IdempotencyMismatch
        return self.made_id


def key_of(idempotency_key: IdempotencyKey) -> KeyTuple:
    """Return the primary key of a call's row."""
    return idempotency_key.user_id, idempotency_key.route, idempotency_key.key


def find_keys(
    connection: Connection, idempotency_keys: Sequence[IdempotencyKey], now: datetime
) -> dict[KeyTuple, FirstCall]:
    """Return the first calls with these keys, in one query."""
    if not idempotency_keys:
        return {}
    keys = [key_of(idempotency_key) for idempotency_key in idempotency_keys]
    rows = connection.execute(_FIND, {"oldest": now - KEY_LIFE, "keys": keys})
    return {
        (user, route, key): FirstCall(fingerprint, made_id) for user, route, key, fingerprint, made_id in rows
    }


def keep_keys(connection: Connection, calls: Sequence[tuple[IdempotencyKey, int]], now: datetime) -> None:
    """Store the id that each call made, and delete expired keys."""
    if not calls:
        return
    connection.execute(_FORGET, {"oldest": now - KEY_LIFE})
    connection.execute(
        _KEEP,
        [
            {
                "user_id": idempotency_key.user_id,
                "route": idempotency_key.route,
                "key": idempotency_key.key,
                "fingerprint": idempotency_key.fingerprint,
                "made_id": made_id,
                "created_at": now,
            }
            # In one order, or two groups with the same keys could deadlock.
            for idempotency_key, made_id in sorted(calls, key=lambda call: key_of(call[0]))
        ],
    )
