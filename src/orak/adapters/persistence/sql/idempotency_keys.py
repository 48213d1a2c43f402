from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    delete,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, write_long
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.given_rows import encoded, given_rows
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.adapters.persistence.sql.tables import idempotency_keys
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKey
from orak.domain.errors import IdempotencyMismatch

_COLUMNS = idempotency_keys.c
_KEY = (_COLUMNS.user_id, _COLUMNS.route, _COLUMNS.key)
_OLDEST = bindparam("oldest", type_=UtcDateTime())

CALL_COLUMNS = (Column("user_id", BigInteger), Column("route", String), Column("key", String))
"""The columns of `given_rows` that hold a call's key."""


def is_first_call(
    user_id: ColumnElement[int], route: ColumnElement[str], key: ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether a row is that of the first call with this key, since the time `oldest`."""
    return and_(
        _COLUMNS.user_id == user_id,
        _COLUMNS.route == route,
        _COLUMNS.key == key,
        _COLUMNS.created_at > _OLDEST,
    )


def keeping(keep: "postgresql.Insert | sqlite.Insert") -> "postgresql.Insert | sqlite.Insert":
    """Let an INSERT of a key replace an expired one.

    If a concurrent call was first, its key has not expired: NULL then violates NOT NULL, which refuses the
    whole statement.
    """
    return keep.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "fingerprint": keep.excluded.fingerprint,
            "made_id": case((_COLUMNS.created_at <= _OLDEST, keep.excluded.made_id)),
            "created_at": keep.excluded.created_at,
        },
    )


_calls = given_rows("calls", CALL_COLUMNS)
FIND_KEYS = Statement(
    select(*_KEY, _COLUMNS.fingerprint, _COLUMNS.made_id).join_from(
        _calls, idempotency_keys, is_first_call(_calls.c.user_id, _calls.c.route, _calls.c.key)
    )
)
_KEEP = keeping(sqlite.insert(idempotency_keys))
# Requests may replace or read the keys meanwhile.
_EXPIRED = (
    select(*_KEY)
    .where(_COLUMNS.created_at <= bindparam("before"))
    .order_by(_COLUMNS.created_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
# Key by key: SQLite would compare each row of a user with all keys of a subquery.
_FORGET = delete(idempotency_keys).where(*(column == bindparam(f"of_{column.name}") for column in _KEY))

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
    calls = set(map(key_of, idempotency_keys))
    return {
        "oldest": now - KEY_LIFE,
        "calls": encoded([{"user_id": user_id, "route": route, "key": key} for user_id, route, key in calls]),
    }


def found_keys(rows: Iterable[Row]) -> dict[KeyTuple, FirstCall]:
    """Return the first calls, of the rows of `FIND_KEYS`."""
    return {
        (user, route, key): FirstCall(fingerprint, made_id) for user, route, key, fingerprint, made_id in rows
    }


def find_keys(
    connection: Connection, idempotency_keys: Sequence[IdempotencyKey], now: datetime
) -> dict[KeyTuple, FirstCall]:
    """Return the first calls with these keys, in one query."""
    if not idempotency_keys:
        return {}
    rows = connection.execute(FIND_KEYS.expression, find_parameters(idempotency_keys, now))
    return found_keys(rows)


def keep_keys(connection: Connection, calls: Sequence[tuple[IdempotencyKey, int]], now: datetime) -> None:
    """Store the id that each call made, on SQLite. Raise `StaleVersion` if another call was first."""
    if not calls:
        return
    connection.execute(
        _KEEP,
        [
            {
                "oldest": now - KEY_LIFE,
                "user_id": idempotency_key.user_id,
                "route": idempotency_key.route,
                "key": idempotency_key.key,
                "fingerprint": idempotency_key.fingerprint,
                "made_id": made_id,
                "created_at": now,
            }
            for idempotency_key, made_id in calls
        ],
    )


@dataclass(frozen=True, slots=True)
class SqlIdempotencyKeys:
    """The port `IdempotencyKeys` on SQL."""

    connections: Connections

    @write_long
    def forget(self, connection: Connection, before: datetime, limit: int) -> int:
        found = connection.execute(_EXPIRED, {"before": before, "limit": limit}).all()
        if found:
            connection.execute(
                _FORGET,
                [{"of_user_id": user, "of_route": route, "of_key": key} for user, route, key in found],
            )
        return len(found)
