from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.statements import Row, Statement, is_one_of
from orak.adapters.persistence.sql.tables import idempotency_keys
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKey
from orak.domain.errors import IdempotencyMismatch

_KEY = (idempotency_keys.c.user_id, idempotency_keys.c.route, idempotency_keys.c.key)
# The parts match each by itself, which finds a few keys too many: `found_keys` leaves them out.
FIND_KEYS = Statement(
    select(*_KEY, idempotency_keys.c.fingerprint, idempotency_keys.c.made_id).where(
        idempotency_keys.c.created_at > bindparam("oldest"),
        *(is_one_of(part, f"{part.name}s") for part in _KEY),
    )
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


def find_parameters(idempotency_keys: Sequence[IdempotencyKey], now: datetime) -> dict[str, object]:
    """Return the parameters of `FIND_KEYS`."""
    return {
        "oldest": now - KEY_LIFE,
        "user_ids": list({key.user_id for key in idempotency_keys}),
        "routes": list({key.route for key in idempotency_keys}),
        "keys": [key.key for key in idempotency_keys],
    }


def found_keys(rows: Iterable[Row], idempotency_keys: Sequence[IdempotencyKey]) -> dict[KeyTuple, FirstCall]:
    """Return the first calls with these keys, of the rows of `FIND_KEYS`."""
    wanted = set(map(key_of, idempotency_keys))
    return {
        (user, route, key): FirstCall(fingerprint, made_id)
        for user, route, key, fingerprint, made_id in rows
        if (user, route, key) in wanted
    }


def find_keys(
    connection: Connection, idempotency_keys: Sequence[IdempotencyKey], now: datetime
) -> dict[KeyTuple, FirstCall]:
    """Return the first calls with these keys, in one query."""
    if not idempotency_keys:
        return {}
    rows = connection.execute(FIND_KEYS.expression, find_parameters(idempotency_keys, now))
    return found_keys(rows, idempotency_keys)


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
