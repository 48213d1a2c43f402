from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from orak.application.ports.measurements import Measurements
from orak.application.ports.storage import ListedObject, SignedRequest, Storage
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject


@dataclass(frozen=True, slots=True)
class MeasuredStorage:
    """Measures how long the calls to another `Storage` take."""

    storage: Storage
    measurements: Measurements

    def presign_put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload. This is no call to the store, and is not measured."""
        return self.storage.presign_put(
            key, content_type=content_type, content_length=content_length, create_only=create_only, life=life
        )

    async def head(self, key: ObjectKey) -> StoredObject | None:
        """Measure a look at an object."""
        with self._measuring("head"):
            return await self.storage.head(key)

    async def download(self, key: ObjectKey, *, etag: str, to: Path) -> None:
        """Measure the download of an object."""
        with self._measuring("download"):
            await self.storage.download(key, etag=etag, to=to)

    async def publish(self, key: ObjectKey, source: Path, *, content_type: str) -> None:
        """Measure the storing of a file."""
        with self._measuring("publish"):
            await self.storage.publish(key, source, content_type=content_type)

    async def delete(self, key: ObjectKey) -> None:
        """Measure the removal of an object."""
        with self._measuring("delete"):
            await self.storage.delete(key)

    def list(self, prefix: str) -> AsyncIterator[ListedObject]:
        """List objects. The time depends on the caller, too, and is not measured."""
        return self.storage.list(prefix)

    @contextmanager
    def _measuring(self, operation: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.measurements.observe("orak_storage_seconds", perf_counter() - began, operation=operation)
