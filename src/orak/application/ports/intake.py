from typing import Protocol

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.upload import Upload


class Intake(Protocol):
    """Takes new uploads in, many at a time."""

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        """Store a new upload and its UploadRequested event; it is durable when this returns, with its id.

        Whatever waits is written as one group, and a row that cannot be written fails alone. The owner's own
        row is made if there is none. A *once* that was used before returns the upload it made then, as it is
        now. A caller that is cancelled takes nobody with it.

        Raises:
            IdempotencyMismatch: the Idempotency-Key was used with another body.
            Unavailable: nothing was stored.
        """
        ...
