from collections.abc import Iterable
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError, warn
from orak.entrypoints.cli.output import console, is_piped, json_lines, labelled, table
from orak.entrypoints.cli.remote import message_of, orak_at, remote_options

if TYPE_CHECKING:
    from rich.text import Text

    from orak.client import Record

_COLOURS = {"COMPLETED": "green", "PROCESSING": "yellow", "FAILED": "red"}
_COLUMNS_FOR_RESULT = 110

_ID = click.IntRange(min=1)


@click.group()
def records() -> None:
    """List and change your own records.

    Prints tables on a terminal and JSON lines in a pipe.
    """


@records.command("list")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Number of records (default: all).")
@remote_options
def list_records(limit: int | None, url: str | None, token: str | None) -> None:
    """List your records, newest first."""
    from itertools import islice

    with orak_at(url, token) as orak:
        found = islice(orak.records(), limit)
        if is_piped():
            json_lines(map(_as_json, found))
        else:
            _print_table(list(found))


@records.command("get")
@click.argument("record_id", metavar="ID", type=_ID)
@remote_options
def get_record(record_id: int, url: str | None, token: str | None) -> None:
    """Show one record."""
    with orak_at(url, token) as orak:
        _show(orak.get(record_id))


@records.command("rename")
@click.argument("record_id", metavar="ID", type=_ID)
@click.argument("title")
@remote_options
def rename_record(record_id: int, title: str, url: str | None, token: str | None) -> None:
    """Change the title of a record."""
    with orak_at(url, token) as orak:
        _show(orak.change(record_id, title=title))


@records.command("retry")
@click.argument("record_id", metavar="ID", type=_ID)
@remote_options
def retry_record(record_id: int, url: str | None, token: str | None) -> None:
    """Convert a failed record again."""
    with orak_at(url, token) as orak:
        _show(orak.retry(record_id))


@records.command("delete")
@click.argument("record_ids", metavar="ID...", type=_ID, nargs=-1, required=True)
@remote_options
def delete_records(record_ids: tuple[int, ...], url: str | None, token: str | None) -> None:
    """Delete records and their audio for good.

    If one cannot be deleted, the others still are, and the exit code is 1.
    """
    from orak.client import OrakApiError

    with orak_at(url, token) as orak:
        failed = []
        for record_id in record_ids:
            try:
                orak.delete(record_id)
            except OrakApiError as error:
                if len(record_ids) == 1:
                    raise
                warn(f"record {record_id}: {message_of(error)}")
                failed.append(record_id)
    if failed:
        raise CommandError(f"not deleted: {', '.join(map(str, failed))}")


def _as_json(record: "Record") -> object:
    """Return the record as in the API, without the ETag that the client adds."""
    import msgspec

    fields = msgspec.to_builtins(record)
    fields.pop("etag")
    return fields


def _show(record: "Record") -> None:
    from rich.text import Text

    if is_piped():
        json_lines([_as_json(record)])
        return
    screen = console()
    screen.print(Text.assemble(f"{record.id}  ", (record.title, "bold"), "  ", _status(record)))
    labelled(screen, _details(record))


def _details(record: "Record") -> Iterable[tuple[str, str]]:
    yield "length", length_of(record)
    yield "created", _local_time(record)
    if record.song_id is not None:
        yield "song", str(record.song_id)
    if record.failure is not None:
        yield "failure", f"{record.failure.message} ({record.failure.code})"
    if record.loudness is not None:
        yield "loudness", loudness_of(record)
    if record.public_url is not None:
        yield "listen", record.public_url
    if record.waveform_url is not None:
        yield "waveform", record.waveform_url


def _print_table(found: list["Record"]) -> None:
    screen = console()
    if not found:
        screen.print("No records yet. Upload a recording with `orak upload FILE --title TITLE`.")
        return
    wide = screen.width >= _COLUMNS_FOR_RESULT
    shown = table("Record id", "Title", "Status", "Length", "Created", *(("Result",) if wide else ()))
    for column in shown.columns:
        column.no_wrap = column.header != "Title"
    shown.columns[0].justify = shown.columns[3].justify = "right"
    for record in found:
        row = (str(record.id), record.title, _status(record), length_of(record), _local_time(record))
        shown.add_row(*row, *((_result(record),) if wide else ()))
    screen.print(shown)


def _status(record: "Record") -> "Text":
    from rich.text import Text

    progress = f" {record.progress} %" if record.processing_status == "PROCESSING" else ""
    return Text(record.processing_status + progress, style=_COLOURS[record.processing_status])


def _result(record: "Record") -> str:
    return loudness_of(record) if record.failure is None else record.failure.code


def length_of(record: "Record") -> str:
    """Return the duration as minutes and seconds; `-` if it is unknown."""
    if record.duration_seconds is None:
        return "-"
    minutes, seconds = divmod(record.duration_seconds, 60)
    return f"{minutes}:{seconds:02}"


def loudness_of(record: "Record") -> str:
    """Return the loudness before and after conversion; `-` if it is unknown."""
    if record.loudness is None:
        return "-"
    before, after, peak = (
        record.loudness.input_lufs,
        record.loudness.output_lufs,
        record.loudness.true_peak_db,
    )
    if before is None or after is None:
        return "silence"
    return f"{before:.1f} → {after:.1f} LUFS" + ("" if peak is None else f", peak {peak:.1f} dBTP")


def _local_time(record: "Record") -> str:
    return record.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
