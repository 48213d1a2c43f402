import csv
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rich_click as click

from orak.entrypoints.cli.errors import CommandError, warn
from orak.entrypoints.cli.options import data_dir_option, shared_settings
from orak.entrypoints.cli.output import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from typing import TextIO

    from orak.application.ports.songs import Song
    from orak.application.ports.unit_of_work import UnitOfWork
    from orak.entrypoints.settings.values import Settings

_REPORTED_ROWS = 20
"""Bad rows that get a line each; a file of the wrong format has thousands."""

_ID = re.compile("[1-9][0-9]{0,15}")


class BadRow(NamedTuple):
    """A row that is not a valid song, with its line in the file."""

    line: int
    problem: str


@click.group()
def songs() -> None:
    """Manage the copy of the song catalogue that orak keeps."""


@songs.command("import")
@click.argument("file", metavar="FILE.csv", type=click.File(encoding="utf-8-sig"))
@data_dir_option
def import_songs(file: "TextIO", data_dir: Path | None) -> None:
    """Import songs from a CSV file, or from standard input with `-`.

    The first line names the columns: `id`, and optionally `title` and `artist`. A song whose id exists
    replaces the old one. Bad rows are reported and skipped; the others are imported, and the exit code is 1.
    """
    import asyncio

    from orak.domain.errors import SongsOfApp

    settings = shared_settings(data_dir)
    bad: list[BadRow] = []
    try:
        count = asyncio.run(_store(settings, _valid_songs(read_songs(file), bad)))
    except UnicodeDecodeError as error:
        raise CommandError(f"the file is not UTF-8: {error.reason}", "save the file as UTF-8") from None
    except SongsOfApp as error:
        hint = "add songs in the app; a record may refer to any id in its table songs"
        raise CommandError(str(error), hint) from None
    except csv.Error as error:
        raise CommandError(f"the file is not CSV: {error}", "make the first line id,title,artist") from None
    for row in bad[:_REPORTED_ROWS]:
        warn(f"line {row.line}: {row.problem}")
    if len(bad) > _REPORTED_ROWS:
        warn(f"and {len(bad) - _REPORTED_ROWS} more lines")
    click.echo(f"{count} {'song' if count == 1 else 'songs'} imported", err=True)
    if bad:
        raise CommandError(f"{len(bad)} {'line was' if len(bad) == 1 else 'lines were'} skipped")


@songs.command("list")
@data_dir_option
def list_songs(data_dir: Path | None) -> None:
    """List the songs with their ids, titles and artists; JSON lines in a pipe."""
    import asyncio

    asyncio.run(_show(shared_settings(data_dir)))


def read_songs(file: Iterable[str]) -> Iterator["Song | BadRow"]:
    """Yield the songs of a CSV file. Raise `csv.Error` if its first line has no column `id`."""
    rows = csv.DictReader(file, restkey="", strict=True)
    names = [name.strip().lower() for name in rows.fieldnames or []]
    if "id" not in names:
        raise csv.Error("its first line has no column `id`")
    rows.fieldnames = names
    seen: dict[int, int] = {}
    for row in rows:
        yield _song(row, rows.line_num, seen)


def _song(row: dict[str, str | None], line: int, seen: dict[int, int]) -> "Song | BadRow":
    from orak.application.ports.songs import Song
    from orak.domain.identity import MAX_ID, SongId
    from orak.domain.policies.fields import MAX_NAME, clean_name, text_problem

    if "" in row:
        return BadRow(line, "there are more columns than in the first line")
    text, title, artist = ((row.get(name) or "").strip() for name in ("id", "title", "artist"))
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        return BadRow(line, f"id is {text[:40]!r}, not a whole number from 1 to {MAX_ID}")
    for name, value in (("title", title), ("artist", artist)):
        if len(clean_name(value)) > MAX_NAME:
            return BadRow(line, f"{name} has {len(clean_name(value))} characters, more than {MAX_NAME}")
        if text_problem(name, value):
            return BadRow(line, f"{name} has a character that no database can store")
    first = seen.setdefault(int(text), line)
    if first != line:
        return BadRow(line, f"id {text} is already on line {first}")
    return Song(SongId(int(text)), title or None, artist or None)


def _valid_songs(rows: Iterable["Song | BadRow"], bad: list[BadRow]) -> Iterator["Song"]:
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            yield row


async def _store(settings: "Settings", songs: Iterable["Song"]) -> int:
    from orak.application.songs.import_songs import ImportSongs

    async with _transaction(settings) as transaction:
        return await ImportSongs(transaction)(songs)


async def _show(settings: "Settings") -> None:
    from orak.application.songs.list_songs import ListSongs

    shown = table("Id", "Title", "Artist")
    async with _transaction(settings) as transaction:
        read_page = ListSongs(transaction)
        page = await read_page()
        while page:
            if is_piped():
                json_lines(page)
            for song in page:
                shown.add_row(str(song.id), song.title or "", song.artist or "")
            page = await read_page(after=page[-1].id)
    if not is_piped():
        console().print(shown)


@asynccontextmanager
async def _transaction(settings: "Settings") -> "AsyncIterator[UnitOfWork]":
    """Open only the database: these commands must not start to convert waiting uploads."""
    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    async with open_parts(settings, "persistence") as container:
        yield (await made(container.persistence)).transaction
