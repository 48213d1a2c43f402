from dataclasses import dataclass

import msgspec

from orak.application.ports.page import Page
from orak.application.ports.reports import DeadLetter, Reports
from orak.domain.actor import Actor


class ListedFailures(msgspec.Struct, frozen=True):
    """One page of dead letters, and the next page; None at the end."""

    letters: list[DeadLetter]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListFailures:
    """List the dead letters: uploads that FAILED, newest first."""

    reports: Reports

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedFailures:  # noqa: B008 - frozen
        """Return one page. Raise `AdminRequired`."""
        actor.check_admin()
        found = await self.reports.failures(page.and_one_more())
        return ListedFailures(*page.split(found, lambda letter: letter.upload.id))
