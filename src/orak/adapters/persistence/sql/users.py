from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import songs, users
from orak.application.ports.songs import Song
from orak.domain.errors import SongNotFound
from orak.domain.identity import SongId, UserId


def ensure_users(connection: Connection, user_ids: Iterable[UserId]) -> None:
    """Make the rows of those who have none."""
    # In one order, or two groups with the same new users could wait for each other.
    rows = [{"id": user_id} for user_id in sorted(set(user_ids))]
    connection.execute(insert(users, connection.dialect).on_conflict_do_nothing(), rows)


def check_song(connection: Connection, song_id: SongId) -> None:
    """Raise `SongNotFound` if there is no such song."""
    if connection.scalar(select(songs.c.id).where(songs.c.id == song_id)) is None:
        raise SongNotFound(song_id)


def put_songs(connection: Connection, catalogue: Sequence[Song]) -> None:
    """Store each, in place of one with the same id."""
    if not catalogue:
        return
    put = insert(songs, connection.dialect)
    connection.execute(
        put.on_conflict_do_update(
            index_elements=[songs.c.id],
            set_={"title": put.excluded.title, "artist": put.excluded.artist},
        ),
        [{"id": song.id, "title": song.title, "artist": song.artist} for song in catalogue],
    )


class SqlUsers:
    """Who has ever come, within one transaction."""

    def __init__(self, transaction: Runner) -> None:
        self._transaction = transaction

    async def ensure(self, user_id: UserId) -> None:
        """Make the user's row if there is none."""
        await self._transaction.run_sync(ensure_users, [user_id])


class SqlSongs:
    """The catalogue within one transaction."""

    def __init__(self, transaction: Runner) -> None:
        self._transaction = transaction

    async def check(self, song_id: SongId) -> None:
        """Raise `SongNotFound` if there is no such song."""
        await self._transaction.run_sync(check_song, song_id)

    async def put(self, songs: Sequence[Song]) -> None:
        """Store each, in place of one with the same id."""
        await self._transaction.run_sync(put_songs, songs)
