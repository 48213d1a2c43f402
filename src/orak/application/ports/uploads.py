from typing import Protocol

from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, UploadId
from orak.domain.upload import Upload


class Uploads(Protocol):
    """Uploads, each with its stream of events. Every method may raise `Unavailable`."""

    async def get(self, upload_id: UploadId) -> Upload:
        """Return the upload as this transaction sees it, tombstones too.

        Raise `UploadNotFound`.
        """
        ...

    async def by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose original object has this *key*. Raise `UploadNotFound`."""
        ...

    async def save(self, upload: Upload, event: DomainEvent) -> Upload:
        """Store *upload* and the *event* of this change, both or neither.

        The version rises by one. A waiting upload (`Upload.is_waiting`) joins the line that `Leases.claim`
        serves: behind its owner's other waiting uploads, but not behind another owner's. It keeps its turn
        until it leaves the line for good. `record_id` is not stored, because `Records` holds that link.

        Raises:
            StaleVersion: another writer saved the upload since it was read.
        """
        ...

    async def purge(self, upload_id: UploadId) -> None:
        """Remove the row of an upload without a Record; its events stay.

        Do nothing if it is gone.
        """
        ...
