from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUpload, IncompleteUploads
from orak.application.ports.storage import ListedObject, Storage
from orak.domain.identity import PUBLISHED, RECORDINGS, ObjectKey, uuid_of

_AT_ONCE = 500


class UnknownDatabase(Exception):
    """The database knows not one of the objects that are there: it is likely another store's.

    For operators; no call of a client's leads here, so it is no `OrakError`.
    """

    def __init__(self, objects: int) -> None:
        super().__init__(f"the database knows none of {objects} objects")


class ObjectSweepReport(msgspec.Struct):
    """What no row accounts for."""

    claimed: int = 0
    """How many objects have their row."""
    strays: list[ListedObject] = []
    """Old objects without one; removed, unless it was a dry run."""
    unfinished: list[IncompleteUpload] = []
    """Old bytes of objects that were never finished; the same."""


@dataclass(frozen=True, slots=True)
class SweepObjects:
    """Find objects that no row accounts for, and uploads of objects that nobody finished; remove them.

    Such are left by workers that were killed between writing and publishing. An object that is younger than
    the retention, or whose key orak did not make, is left alone whatever the rows say. All is found before
    anything is removed, and each row is asked for again just before its object goes.
    """

    arrivals: Arrivals
    storage: Storage
    leftovers: IncompleteUploads
    clock: Clock
    retention: timedelta

    async def __call__(self, *, dry_run: bool, trust_database: bool = False) -> ObjectSweepReport:
        """Do it; with *dry_run*, only find.

        Raises:
            UnknownDatabase: every object would go; nothing did. *trust_database* lets them.
            Unavailable: the database or the store cannot be reached.
        """
        before = self.clock.now() - self.retention
        report = ObjectSweepReport()
        for folder in (RECORDINGS, PUBLISHED):
            async for page in self._pages(f"{folder}/", before):
                strays = await self._strays(page)
                report.strays += strays
                report.claimed += len(page) - len(strays)
        report.unfinished = [upload async for upload in self.leftovers.unfinished(before)]
        if dry_run:
            return report
        if report.strays and not report.claimed and not trust_database:
            raise UnknownDatabase(len(report.strays))
        report.strays = await self._remove(report.strays)
        for upload in report.unfinished:
            await self.leftovers.abandon(upload)
        return report

    async def _pages(self, prefix: str, before: datetime) -> AsyncIterator[list[ListedObject]]:
        page: list[ListedObject] = []
        async for found in self.storage.list(prefix):
            if found.modified_at < before and uuid_of(found.key) is not None:
                page.append(found)
            if len(page) == _AT_ONCE:
                yield page
                page = []
        if page:
            yield page

    async def _strays(self, objects: list[ListedObject]) -> list[ListedObject]:
        uuids = {uuid for found in objects if (uuid := uuid_of(found.key)) is not None}
        rows = {upload.uuid: upload for upload in await self.arrivals.known(uuids)}

        def is_claimed(key: ObjectKey) -> bool:
            row = rows.get(uuid_of(key) or "")
            return row is not None and row.claims(key)

        return [found for found in objects if not is_claimed(found.key)]

    async def _remove(self, strays: list[ListedObject]) -> list[ListedObject]:
        removed = []
        waiting = iter(strays)
        while page := list(islice(waiting, _AT_ONCE)):
            for stray in await self._strays(page):
                await self.storage.delete(stray.key)
                removed.append(stray)
        return removed
