from typing import Protocol

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.upload import Upload


class Intake(Protocol):
    """Stores new uploads, many at a time."""

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        """Store a new upload and its event; return it with its id.

        The upload is durable once this returns. Concurrent calls are written as one group; if a row cannot
        be written, only its own call fails. The owner's row is added if it does not exist. If the key was
        used before, return the upload that the first call made, in its present state. Cancelling one call
        does not affect the others of its group.

        Raises:
            IdempotencyMismatch: the key was used with another body.
            Unavailable: nothing was stored.
        """
        ...
