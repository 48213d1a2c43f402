from datetime import datetime, timedelta
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
    """The keys that are stored. The ports that use a key ignore or replace an expired one."""

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete up to *limit* keys that were stored at or before this time; return how many."""
        ...
