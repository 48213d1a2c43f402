from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from msgspec.structs import replace

from orak.application.ports.songs import Song
from orak.application.ports.unit_of_work import UnitOfWork
from orak.domain.errors import Rejected
from orak.domain.policies.fields import clean_name, text_problem

_GROUP = 500


@dataclass(frozen=True, slots=True)
class ImportSongs:
    """Import songs from the app's catalogue.

    A song with a known id replaces the stored one.
    """

    transaction: UnitOfWork

    async def __call__(self, songs: Iterable[Song]) -> int:
        """Store the songs in groups; return how many.

        An interrupted import can be run again. Raise `Rejected` if a title or artist cannot be stored; the
        groups before it stay. Raise `SongsOfApp` if the songs belong to the app.
        """
        rest, count = map(_checked, songs), 0
        while group := list(islice(rest, _GROUP)):
            async with self.transaction() as tx:
                await tx.songs.put(group)
            count += len(group)
        return count


def _checked(song: Song) -> Song:
    names = {
        name: text for name, text in (("title", song.title), ("artist", song.artist)) if text is not None
    }
    if problems := [problem for name, text in names.items() if (problem := text_problem(name, text))]:
        raise Rejected(problems)
    return replace(song, **{name: clean_name(text) for name, text in names.items()})
