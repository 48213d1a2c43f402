from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from orak.application.ports.persistence import Page, Snapshots
from orak.domain.actor import Actor
from orak.domain.record import RecordSnapshot


class Listed(msgspec.Struct, frozen=True):
    """One page of recordings, and the page after it; None at the end."""

    snapshots: list[RecordSnapshot]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListRecords:
    """List the caller's own records, newest first."""

    snapshots: Snapshots

    async def __call__(self, actor: Actor, page: Page = Page()) -> Listed:  # noqa: B008 - frozen
        """Read one more than asked for, to know whether there is a next page."""
        found = await self.snapshots.of(actor.user_id, replace(page, limit=page.limit + 1))
        shown = found[: page.limit]
        more = len(found) > page.limit
        return Listed(shown, Page(after=shown[-1].record.id, limit=page.limit) if more else None)
