from datetime import timedelta
from typing import Protocol

import msgspec

from orak.domain.identity import UserId

KEY_LIFE = timedelta(hours=24)
"""How long a key is kept."""


class IdempotencyKey(msgspec.Struct, frozen=True):
    """Identifies a call that has one effect however often the client sends it."""

    user_id: UserId
    route: str
    key: str
    fingerprint: str
    """A digest of the body: a repeated key must come with the same body."""


class IdempotencyKeys(Protocol):
    """What the first call with each Idempotency-Key made.

    Every method may raise `Unavailable`.
    """

    async def find(self, idempotency_key: IdempotencyKey) -> int | None:
        """Return the id that the first call made.

        Return None if no call with the key came within `KEY_LIFE`.

        Raises:
            IdempotencyMismatch: the key was used with another body.
        """
        ...

    async def keep(self, idempotency_key: IdempotencyKey, made: int) -> None:
        """Store the id that this call makes.

        Raise `StaleVersion` if a concurrent call was first.
        """
        ...
