import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rich_click as click

from orak.entrypoints.cli.failures import Failure, warn
from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.data_dir import make_data_dir

if TYPE_CHECKING:
    from typing import TextIO

    from orak.application.ports.songs import Song
    from orak.entrypoints.settings.values import Settings

_NAMED = 20
"""So many bad rows are named one by one; a file in the wrong form has thousands."""

_ID = re.compile("[1-9][0-9]{0,15}")
_MAX_TEXT = 255


class BadRow(NamedTuple):
    """A row that no song can be made of, by its line in the file."""

    line: int
    problem: str


@click.group()
def songs() -> None:
    """Keep orak's copy of the song catalogue."""


@songs.command("import")
@click.argument("file", metavar="FILE.csv", type=click.File(encoding="utf-8-sig"))
@data_dir_option
def import_songs(file: "TextIO", data_dir: Path | None) -> None:
    """Take songs over from a CSV file, or from standard input if it is `-`.

    The first line names the columns: id, and title and artist if they are known. A song with a known id
    replaces what was there. Bad rows are named and left out; all others are taken, and the exit code is 1.
    """
    import asyncio

    from orak.adapters.persistence.sql.schema import prepare_schema
    from orak.entrypoints.schema import database_url_named

    settings = load_settings(data_dir=data_dir).settings
    bad: list[BadRow] = []
    make_data_dir(settings)
    try:
        with database_url_named():
            prepare_schema(settings.database, upgrade=settings.db_auto_upgrade)
        count = asyncio.run(_store(settings, _good(read_songs(file), bad)))
    except UnicodeDecodeError as error:
        raise Failure(f"the file is not UTF-8: {error.reason}", "save it as CSV UTF-8") from None
    except csv.Error as error:
        raise Failure(f"this is no CSV file: {error}", "its first line should be: id,title,artist") from None
    for row in bad[:_NAMED]:
        warn(f"line {row.line}: {row.problem}")
    if len(bad) > _NAMED:
        warn(f"and {len(bad) - _NAMED} more lines")
    click.echo(f"{count} {'song' if count == 1 else 'songs'} imported", err=True)
    if bad:
        raise Failure(f"{len(bad)} {'line was' if len(bad) == 1 else 'lines were'} left out")


def read_songs(file: Iterable[str]) -> Iterator["Song | BadRow"]:
    """Read CSV with a heading. Raise `csv.Error` if the heading names no id."""
    rows = csv.DictReader(file, restkey="", strict=True)
    names = [name.strip().lower() for name in rows.fieldnames or []]
    if "id" not in names:
        raise csv.Error("its first line names no column `id`")
    rows.fieldnames = names
    seen: dict[int, int] = {}
    for row in rows:
        yield _song(row, rows.line_num, seen)


def _song(row: dict[str, str | None], line: int, seen: dict[int, int]) -> "Song | BadRow":
    from orak.application.ports.songs import Song
    from orak.domain.identity import MAX_ID, SongId

    if "" in row:
        return BadRow(line, "has more columns than the first line")
    text, title, artist = ((row.get(name) or "").strip() for name in ("id", "title", "artist"))
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        return BadRow(line, f"id is {text[:40]!r}, not a whole number from 1 to {MAX_ID}")
    for name, value in (("title", title), ("artist", artist)):
        if len(value) > _MAX_TEXT:
            return BadRow(line, f"{name} has {len(value)} characters, more than {_MAX_TEXT}")
    first = seen.setdefault(int(text), line)
    if first != line:
        return BadRow(line, f"id {text} was on line {first} already")
    return Song(SongId(int(text)), title or None, artist or None)


def _good(rows: Iterable["Song | BadRow"], bad: list[BadRow]) -> Iterator["Song"]:
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            yield row


async def _store(settings: "Settings", songs: Iterable["Song"]) -> int:
    from datetime import timedelta

    from orak.adapters.clock.system import SystemClock
    from orak.adapters.persistence.sql.database import SqlPersistence
    from orak.application.songs.import_songs import ImportSongs

    # The database alone, not all of orak: an import shall not begin to convert what waits.
    lease = timedelta(seconds=settings.lease_seconds)
    async with SqlPersistence.open(settings.database, clock=SystemClock(), lease=lease) as persistence:
        return await ImportSongs(persistence.transaction)(songs)
