from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from orak.application.ports.clock import Clock
from orak.application.ports.persistence import Page
from orak.application.ports.reports import DeadLetter, Reports
from orak.domain.actor import Actor
from orak.domain.policies import ORPHAN_AGE
from orak.domain.upload import Upload


class ListedUploads(msgspec.Struct, frozen=True):
    """One page of uploads, and the page after it; None at the end."""

    uploads: list[Upload]
    next: Page | None


class ListedFailures(msgspec.Struct, frozen=True):
    """One page of dead letters, and the page after it; None at the end."""

    letters: list[DeadLetter]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListOrphans:
    """List uploads that arrived and have no Record ten minutes after they were asked for, newest first."""

    reports: Reports
    clock: Clock

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedUploads:  # noqa: B008 - frozen
        """Raise `AdminRequired`."""
        actor.check_admin()
        found = await self.reports.orphans(self.clock.now() - ORPHAN_AGE, _one_more(page))
        return ListedUploads(found[: page.limit], _next(page, found))


@dataclass(frozen=True, slots=True)
class ListFailures:
    """List the dead letters: uploads that FAILED, newest first."""

    reports: Reports

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedFailures:  # noqa: B008 - frozen
        """Raise `AdminRequired`."""
        actor.check_admin()
        letters = await self.reports.failures(_one_more(page))
        return ListedFailures(letters[: page.limit], _next(page, [letter.upload for letter in letters]))


def _one_more(page: Page) -> Page:
    return replace(page, limit=page.limit + 1)


def _next(page: Page, found: list[Upload]) -> Page | None:
    more = len(found) > page.limit
    return Page(after=found[page.limit - 1].id, limit=page.limit) if more else None
