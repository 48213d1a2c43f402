from dataclasses import dataclass
from datetime import timedelta

import msgspec

from orak.application.find_strays import FindStrays
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUpload, IncompleteUploads
from orak.application.ports.storage import ListedObject
from orak.domain.identity import PUBLISHED, RECORDINGS


class UnknownDatabase(Exception):
    """The database knows none of the stored objects.

    It probably belongs to another store. Operators alone see it, so it is no `OrakError`.
    """

    def __init__(self, objects: int) -> None:
        super().__init__(f"the database knows none of {objects} objects")


class ObjectSweepReport(msgspec.Struct):
    """What one object sweep found."""

    accounted: int = 0
    """How many old objects have a row."""
    strays: list[ListedObject] = []
    """Old objects without a row; removed, unless it was a dry run."""
    unfinished: list[IncompleteUpload] = []
    """Old bytes of objects that were never finished; removed likewise."""


@dataclass(frozen=True, slots=True)
class SweepObjects:
    """Find and remove stored objects that no row accounts for.

    Unfinished uploads of objects are removed too. Workers that are killed between writing and publishing
    leave them. An object that is younger than the retention, or whose key orak did not make, always stays.
    Everything is found before anything is removed, and each row is read again just before its object is
    removed.
    """

    strays: FindStrays
    incomplete_uploads: IncompleteUploads
    clock: Clock
    retention: timedelta

    async def __call__(self, *, dry_run: bool, trust_database: bool = False) -> ObjectSweepReport:
        """Sweep once; with *dry_run*, only find.

        Raises:
            UnknownDatabase: every object would be removed, so none was. *trust_database* permits it.
            Unavailable: the database or the store cannot be reached.
        """
        before = self.clock.now() - self.retention
        report = ObjectSweepReport()
        for folder in (RECORDINGS, PUBLISHED):
            async for page in self.strays.pages(folder, before):
                strays = await self.strays.among(page)
                report.strays += strays
                report.accounted += len(page) - len(strays)
        report.unfinished = [upload async for upload in self.incomplete_uploads.unfinished(before)]
        if dry_run:
            return report
        if report.strays and not report.accounted and not trust_database:
            raise UnknownDatabase(len(report.strays))
        report.strays = await self.strays.remove(report.strays)
        for upload in report.unfinished:
            await self.incomplete_uploads.abandon(upload)
        return report
