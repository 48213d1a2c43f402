from dataclasses import dataclass

import msgspec

from orak.application.ports.page import Page
from orak.application.ports.snapshots import Snapshots
from orak.domain.actor import Actor
from orak.domain.record import ShownRecord


class Listed(msgspec.Struct, frozen=True):
    """One page of records, and the next page; None at the end."""

    records: list[ShownRecord]
    next: Page | None
    total: int | None = None
    """How many records there are on all pages; None if that was not asked."""


@dataclass(frozen=True, slots=True)
class ListRecords:
    """List the caller's own records, newest first."""

    snapshots: Snapshots

    async def __call__(
        self,
        actor: Actor,
        page: Page = Page(),  # noqa: B008 - frozen
        *,
        count: bool = False,
    ) -> Listed:
        """Return one page; with *count*, also how many records there are."""
        found = await self.snapshots.of(actor.user_id, page.and_one_more())
        total = await self.snapshots.count(actor.user_id) if count else None
        return Listed(*page.split(found, lambda record: record.id), total)
