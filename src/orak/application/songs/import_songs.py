from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from orak.application.ports.songs import Song
from orak.application.ports.unit_of_work import UnitOfWork

_GROUP = 500


@dataclass(frozen=True, slots=True)
class ImportSongs:
    """Import songs from the app's catalogue.

    A song with a known id replaces the stored one.
    """

    transaction: UnitOfWork

    async def __call__(self, songs: Iterable[Song]) -> int:
        """Store the songs in groups; return how many.

        An interrupted import can be run again.
        """
        rest, count = iter(songs), 0
        while group := list(islice(rest, _GROUP)):
            async with self.transaction() as tx:
                await tx.songs.put(group)
            count += len(group)
        return count
