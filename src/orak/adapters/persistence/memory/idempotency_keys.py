"""The idempotency keys in memory, as functions of the state."""

from datetime import datetime

from orak.adapters.persistence.memory.store import KeyTuple, State, StoredKey
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
    """Store the id that this call makes, and forget expired keys.

    Raise `StaleVersion` if another call with the key was first.
    """
    keys = state.idempotency_keys
    for key in [*keys]:  # a dict keeps the order of insertion, so the oldest keys come first
        if keys[key].created_at > now - KEY_LIFE:
            break
        del keys[key]
    key = _key_of(idempotency_key)
    if key in keys:
        raise StaleVersion("another call with this Idempotency-Key was first")
    keys[key] = StoredKey(idempotency_key.fingerprint, made, now)


def _key_of(idempotency_key: IdempotencyKey) -> KeyTuple:
    return idempotency_key.user_id, idempotency_key.route, idempotency_key.key
