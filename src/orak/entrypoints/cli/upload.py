from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.output import console, is_piped
from orak.entrypoints.cli.remote import orak_at, remote_options

if TYPE_CHECKING:
    from orak.client import Record
    from orak.client.calls import OnBytes
    from orak.client.live_events import OnRecord


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--title", metavar="TITLE", required=True, help="Title of the record.")
@click.option("--song-id", metavar="ID", type=click.IntRange(min=1), help="Id of the song that was sung.")
@click.option("--wait", is_flag=True, help="Wait until the conversion has completed or failed.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    help="Seconds that --wait waits at most.",
)
@remote_options
def upload(
    *,
    file: Path,
    title: str,
    song_id: int | None,
    wait: bool,
    timeout: float,
    url: str | None,
    token: str | None,
) -> None:
    """Upload an audio file and create its record.

    Prints the record's id on standard output, and progress on standard error.
    """
    _check_title(title)
    with orak_at(url, token) as orak, _progress(file.name, converting=wait) as (sending, converting):
        record = orak.upload(
            file,
            title,
            song_id=song_id,
            wait=timeout if wait else None,
            on_progress=sending,
            on_record=converting,
        )
    if record.failure is not None:
        raise CommandError(f"record {record.id}: {record.failure.message} ({record.failure.code})")


def _check_title(title: str) -> None:
    """Raise `BadParameter` for a title that the server would refuse after the upload."""
    from orak.domain.errors import ProblemCode
    from orak.domain.policies.fields import MAX_NAME
    from orak.domain.record import title_problem

    if problem := title_problem(title):
        reason = {
            ProblemCode.REQUIRED: "it is blank",
            ProblemCode.TOO_LONG: f"it has more than {MAX_NAME} characters",
        }.get(problem.code, "it has a character that is not allowed")
        raise click.BadParameter(reason, param_hint="--title")


@contextmanager
def _progress(name: str, *, converting: bool) -> Iterator[tuple["OnBytes", "OnRecord"]]:
    """Show a bar for the upload and, if *converting*, another for the conversion."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    screen = console(err=True)
    record_id: int | None = None
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        console=screen,
        disable=not screen.is_terminal,
    )
    sending = bars.add_task("sending", total=None, note=name)
    conversion = bars.add_task("converting", total=100, note="", visible=False)

    def on_bytes(sent: int, total: int) -> None:
        bars.update(sending, completed=sent, total=total)

    def on_record(record: "Record") -> None:
        nonlocal record_id
        if record_id is None and is_piped():  # at once: a caller that interrupts the wait has the id
            click.echo(record.id)
        record_id = record.id
        note = record.processing_status.lower()
        bars.update(conversion, completed=record.progress, visible=converting, note=note)

    try:
        with bars:
            yield on_bytes, on_record
    finally:
        if record_id is not None and not is_piped():  # after the bars, not among them
            click.echo(record_id)
