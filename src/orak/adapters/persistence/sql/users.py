from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, inspect, null, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner, within_transaction
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import settings, users
from orak.adapters.persistence.sql.tables import songs as songs_table
from orak.application.ports.songs import Song
from orak.domain.errors import SongNotFound, SongsOfApp, UserUnknown
from orak.domain.identity import SongId, UserId

TABLES_OF_APP = "tables_of_app"
"""The setting of an adopted database, whose users and songs belong to the app: orak adds none."""

_OF_APP = select(settings.c.value).where(settings.c.name == TABLES_OF_APP)

_KNOWN = select(users.c.id).where(users.c.id == bindparam("id"))


def is_adopted(connection: Connection) -> bool:
    """Whether users and songs belong to the app."""
    return connection.scalar(_OF_APP) is not None


def ensure_users(connection: Connection, user_ids: Iterable[UserId]) -> None:
    """Add the rows of users that have none. In an adopted database, raise `UserUnknown` instead."""
    if is_adopted(connection):
        for user_id in user_ids:
            if connection.scalar(_KNOWN, {"id": user_id}) is None:
                raise UserUnknown(user_id)
        return
    add_users(connection, user_ids)


def add_users(connection: Connection, user_ids: Iterable[UserId]) -> None:
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
        if is_adopted(connection):
            raise SongsOfApp
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
        shown: list[ColumnElement[Any]] = [columns.title, columns.artist]
        if is_adopted(connection):  # the app's table may lack these columns
            there = {column["name"] for column in inspect(connection).get_columns(songs_table.name)}
            shown = [column if column.name in there else null() for column in shown]
        rows = connection.execute(
            select(columns.id, *shown).where(columns.id > (after or 0)).order_by(columns.id).limit(limit)
        )
        return [Song(SongId(id_), title, artist) for id_, title, artist in rows]
