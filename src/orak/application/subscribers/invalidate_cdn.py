from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.cdn_cache import ALL, CdnCache
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.storage import Storage
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.errors import UploadNotFound
from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import ObjectKey, published_prefix


@dataclass(frozen=True, slots=True)
class InvalidateCdn:
    """Makes the CDN drop its copies of the renditions of deleted records.

    An event waits until its objects are gone from the store: before that, the CDN would fetch them again
    for its next client. `DeleteObjects` deletes them, at its own pace.

    One call covers all deletions of a page, because a CDN limits the calls and not only the keys.
    """

    snapshots: Snapshots
    storage: Storage
    cdn: CdnCache
    name: str = "invalidate-cdn"
    in_order: bool = False
    begins: StartPosition = StartPosition.NEXT
    longest_rest: timedelta = timedelta(minutes=1)

    async def event_types(self) -> frozenset[EventType]:
        """Return the one type of event after which public objects are gone."""
        return frozenset({EventType.RECORD_DELETED})

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Invalidate the renditions that these events deleted; those still stored come again."""
        stale: list[str] = []
        read: list[int] = []
        failed: set[int] = set()
        for logged in page:
            keys = await self._public_keys(logged)
            if await self._is_any_stored(keys):
                failed.add(logged.position)
            else:
                stale += keys
                read.append(logged.position)
        if stale:
            await self.cdn.invalidate(stale, f"{self.name} {','.join(map(str, read))}")
        return PageOutcome(failed)

    async def _public_keys(self, logged: LoggedEvent) -> list[str]:
        """Return the keys of the record's public objects; none if it was never converted."""
        try:
            output = (await self.snapshots.upload(logged.upload_id)).output
        except UploadNotFound:
            # The CDN did not answer for longer than a tombstone is kept, and events hold no file names.
            return [published_prefix(logged.event.uuid) + ALL]
        return [] if output is None else [output.audio_key, output.waveform_key]

    async def _is_any_stored(self, keys: Sequence[str]) -> bool:
        for key in keys:
            if not key.endswith(ALL) and await self.storage.head(ObjectKey(key)) is not None:
                return True
        return False
