from dataclasses import dataclass

import msgspec

from orak.application.ports.page import Page
from orak.application.ports.snapshots import Snapshots
from orak.domain.actor import Actor
from orak.domain.record import RecordSnapshot


class Listed(msgspec.Struct, frozen=True):
    """One page of records, and the next page; None at the end."""

    snapshots: list[RecordSnapshot]
    next: Page | None


@dataclass(frozen=True, slots=True)
class ListRecords:
    """List the caller's own records, newest first."""

    snapshots: Snapshots

    async def __call__(self, actor: Actor, page: Page = Page()) -> Listed:  # noqa: B008 - frozen
        """Return one page."""
        found = await self.snapshots.of(actor.user_id, page.and_one_more())
        return Listed(*page.split(found, lambda snapshot: snapshot.record.id))
