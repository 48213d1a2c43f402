from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.ports.songs import Song
from orak.application.ports.unit_of_work import UnitOfWork
from orak.domain.identity import SongId


@dataclass(frozen=True, slots=True)
class ListSongs:
    """Read the stored songs page by page."""

    transaction: UnitOfWork

    async def __call__(self, *, after: SongId | None = None, limit: int = 500) -> Sequence[Song]:
        """Return up to *limit* songs in the order of their ids, those after *after*."""
        async with self.transaction() as tx:
            return await tx.songs.page(after=after, limit=limit)
