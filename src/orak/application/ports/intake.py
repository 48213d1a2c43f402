from typing import Protocol

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.upload import Upload


class Intake(Protocol):
    """Stores new uploads, many at a time."""

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        """Store a new upload and its event; return it with its id.

        The upload is durable then. Uploads that wait are written as one group; a row that cannot be written
        fails alone. The owner's row is added if it does not exist. A repeated key returns the upload
        that its first call made, as it is now. Cancelling one caller does not affect the others of its group.

        Raises:
            IdempotencyMismatch: the key was used with another body.
            Unavailable: nothing was stored.
        """
        ...
