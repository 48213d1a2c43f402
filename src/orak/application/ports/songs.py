from collections.abc import Sequence
from typing import Protocol

import msgspec

from orak.domain.identity import SongId


class Song(msgspec.Struct, frozen=True):
    """A song of the catalogue that a record may refer to."""

    id: SongId
    title: str | None = None
    artist: str | None = None


class Songs(Protocol):
    """The app's song catalogue, as far as records refer to it.

    Every method may raise `Unavailable`.
    """

    async def check(self, song_id: SongId) -> None:
        """Raise `SongNotFound` if the catalogue has no such song."""
        ...

    async def put(self, songs: Sequence[Song]) -> None:
        """Store each song, replacing one with the same id.

        Raise `SongsOfApp` if the songs belong to the app.
        """
        ...

    async def page(self, *, after: SongId | None, limit: int) -> Sequence[Song]:
        """Return up to *limit* songs in the order of their ids, those after *after*."""
        ...
