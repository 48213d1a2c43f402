from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner, within_transaction
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import songs as songs_table
from orak.adapters.persistence.sql.tables import users
from orak.application.ports.songs import Song
from orak.domain.errors import SongNotFound
from orak.domain.identity import SongId, UserId


def ensure_users(connection: Connection, user_ids: Iterable[UserId]) -> None:
    """Add the rows of users that have none."""
    # In one order, or two groups with the same new users could deadlock.
    rows = [{"id": user_id} for user_id in sorted(set(user_ids))]
    connection.execute(insert(users, connection.dialect).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class SqlUsers:
    """The port `Users` within one SQL transaction."""

    transaction: Runner

    @within_transaction
    def ensure(self, connection: Connection, user_id: UserId) -> None:
        ensure_users(connection, [user_id])


@dataclass(frozen=True, slots=True)
class SqlSongs:
    """The port `Songs` within one SQL transaction."""

    transaction: Runner

    @within_transaction
    def check(self, connection: Connection, song_id: SongId) -> None:
        if connection.scalar(select(songs_table.c.id).where(songs_table.c.id == song_id)) is None:
            raise SongNotFound(song_id)

    @within_transaction
    def put(self, connection: Connection, songs: Sequence[Song]) -> None:
        if not songs:
            return
        put = insert(songs_table, connection.dialect)
        connection.execute(
            put.on_conflict_do_update(
                index_elements=[songs_table.c.id],
                set_={"title": put.excluded.title, "artist": put.excluded.artist},
            ),
            [{"id": song.id, "title": song.title, "artist": song.artist} for song in songs],
        )

    @within_transaction
    def page(self, connection: Connection, *, after: SongId | None, limit: int) -> Sequence[Song]:
        columns = songs_table.c
        rows = connection.execute(
            select(columns.id, columns.title, columns.artist)
            .where(columns.id > (after or 0))
            .order_by(columns.id)
            .limit(limit)
        )
        return [Song(SongId(id_), title, artist) for id_, title, artist in rows]
