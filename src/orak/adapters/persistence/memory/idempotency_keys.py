"""The idempotency keys in memory, as functions of the state."""

from dataclasses import dataclass
from datetime import datetime

from orak.adapters.persistence.memory.store import KeyTuple, State, Store, StoredKey
from orak.application.ports.failures import StaleVersion
from orak.application.ports.idempotency_keys import KEY_LIFE, IdempotencyKey
from orak.domain.errors import IdempotencyMismatch


def find_key(state: State, idempotency_key: IdempotencyKey, now: datetime) -> int | None:
    """Return the id that the first call with the key made, or None. Raise `IdempotencyMismatch`."""
    kept = state.idempotency_keys.get(_key_of(idempotency_key))
    if kept is None or kept.created_at <= now - KEY_LIFE:
        return None
    if kept.fingerprint != idempotency_key.fingerprint:
        raise IdempotencyMismatch
    return kept.made


def keep_key(state: State, idempotency_key: IdempotencyKey, made: int, now: datetime) -> None:
    """Store the id that this call makes. Raise `StaleVersion` if another call with the key was first."""
    keys, key = state.idempotency_keys, _key_of(idempotency_key)
    if key in keys and keys[key].created_at > now - KEY_LIFE:
        raise StaleVersion("another call with this Idempotency-Key was first")
    keys[key] = StoredKey(idempotency_key.fingerprint, made, now)


@dataclass(frozen=True, slots=True)
class MemoryIdempotencyKeys:
    """The port `IdempotencyKeys` in memory."""

    store: Store

    async def forget(self, before: datetime, limit: int) -> int:
        async with self.store.writing() as state:
            keys = state.idempotency_keys
            expired = [key for key, kept in keys.items() if kept.created_at <= before][:limit]
            for key in expired:
                del keys[key]
        return len(expired)


def _key_of(idempotency_key: IdempotencyKey) -> KeyTuple:
    return idempotency_key.user_id, idempotency_key.route, idempotency_key.key
