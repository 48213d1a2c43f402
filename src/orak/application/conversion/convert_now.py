import asyncio
import logging
from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.retries import with_retries
from orak.application.verify_upload import VerifyUpload
from orak.domain.identity import ObjectKey, UploadId
from orak.domain.upload import StoredObject

_log = logging.getLogger(__name__)

_ARRIVAL_SECONDS = 4.0
"""How long the call waits for storage and database to find the bytes before it goes on without them."""

_LOOK_PAUSES_SECONDS = (0.05, 0.1)
"""Pauses between the three checks for an object right after its PUT."""


@dataclass(frozen=True, slots=True)
class ConvertNow:
    """Converts an upload inside the call that made it convertible."""

    snapshots: Snapshots
    storage: Storage
    verify: VerifyUpload
    starter: Starter
    clock: Clock

    async def __call__(self, upload_id: UploadId, *, wait: float) -> None:
        """Start the conversion, and wait up to *wait* seconds if it runs in this process.

        This never raises: if the conversion cannot start here, the sweep or a batch finds the row.
        """
        try:
            async with asyncio.timeout(_ARRIVAL_SECONDS):
                has_arrived = await with_retries(self.clock, lambda: self._note_arrival(upload_id))
            if has_arrived:
                conversion = await self.starter.start(upload_id)
                await conversion.wait(wait)
        except TimeoutError:
            _log.warning("upload %d: its object was not found in time; the sweep looks again", upload_id)
        except Exception:  # noqa: BLE001 - no failure of the immediate attempt may fail the call
            _log.exception("upload %d could not be started at once; a batch starts it", upload_id)

    async def _note_arrival(self, upload_id: UploadId) -> bool:
        """Verify the bytes if they have arrived; return whether a conversion can start."""
        upload = await self.snapshots.upload(upload_id)
        if upload.awaits_arrival:
            found = await self._find(upload.key)
            if found is None:
                return False
            upload = await self.verify(found)
        return upload.is_waiting

    async def _find(self, key: ObjectKey) -> StoredObject | None:
        for pause in _LOOK_PAUSES_SECONDS:
            if found := await self.storage.head(key):
                return found
            await self.clock.sleep(pause)
        return await self.storage.head(key)
