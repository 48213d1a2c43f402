from dataclasses import dataclass

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.page import Page
from orak.application.ports.reports import Reports
from orak.domain.actor import Actor
from orak.domain.policies.retention import ORPHAN_AGE
from orak.domain.upload import Upload


class ListedUploads(msgspec.Struct, frozen=True):
    """One page of uploads, and the next page; None at the end."""

    uploads: list[Upload]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListOrphans:
    """List orphans: uploads that arrived but got no Record in ten minutes.

    The newest come first.
    """

    reports: Reports
    clock: Clock

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedUploads:  # noqa: B008 - frozen
        """Return one page. Raise `AdminRequired`."""
        actor.check_admin()
        requested_before = self.clock.now() - ORPHAN_AGE
        found = await self.reports.orphans(requested_before, page.and_one_more())
        return ListedUploads(*page.split(found, lambda upload: upload.id))
