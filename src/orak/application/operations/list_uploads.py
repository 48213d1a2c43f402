from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from orak.application.ports.clock import Clock
from orak.application.ports.operations import Operations
from orak.application.ports.persistence import Page
from orak.domain.actor import Actor
from orak.domain.policies import ORPHAN_AGE
from orak.domain.upload import Upload


class ListedUploads(msgspec.Struct, frozen=True):
    """One page of uploads, and the page after it; None at the end."""

    uploads: list[Upload]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListOrphans:
    """List uploads that arrived and have no Record ten minutes after they were asked for, newest first."""

    operations: Operations
    clock: Clock

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedUploads:  # noqa: B008 - frozen
        """Raise `AdminRequired`."""
        actor.check_admin()
        found = await self.operations.orphans(self.clock.now() - ORPHAN_AGE, _one_more(page))
        return _listed(found, page)


@dataclass(frozen=True, slots=True)
class ListFailures:
    """List the dead letters: uploads that FAILED, newest first."""

    operations: Operations

    async def __call__(self, actor: Actor, page: Page = Page()) -> ListedUploads:  # noqa: B008 - frozen
        """Raise `AdminRequired`."""
        actor.check_admin()
        return _listed(await self.operations.failures(_one_more(page)), page)


def _one_more(page: Page) -> Page:
    return replace(page, limit=page.limit + 1)


def _listed(found: list[Upload], page: Page) -> ListedUploads:
    shown = found[: page.limit]
    more = len(found) > page.limit
    return ListedUploads(shown, Page(after=shown[-1].id, limit=page.limit) if more else None)
