from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from orak.application.ports.songs import Song
from orak.application.ports.unit_of_work import UnitOfWork

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ImportSongs:
    """Take songs over from the app's catalogue; one with a known id replaces what was known of it."""

    transaction: UnitOfWork

    async def __call__(self, songs: Iterable[Song]) -> int:
        """Store them in groups; return how many. An import that stops half way can be run again."""
        rest, count = iter(songs), 0
        while group := list(islice(rest, _AT_ONCE)):
            async with self.transaction() as tx:
                await tx.songs.put(group)
            count += len(group)
        return count
