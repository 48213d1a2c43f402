from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.remote import orak_at, remote_options
from orak.entrypoints.cli.screen import console, is_piped

if TYPE_CHECKING:
    from orak.client import Record
    from orak.client.calls import OnBytes
    from orak.client.live_events import OnRecord


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--title", metavar="TITLE", required=True, help="What the recording is called.")
@click.option("--song-id", metavar="ID", type=click.IntRange(min=1), help="Which song it is a take of.")
@click.option("--wait", is_flag=True, help="Return when it is converted, or has failed.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    help="How long --wait waits.",
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
    """Upload a recording and name it.

    Its progress is shown on standard error; standard output gets the record's id and nothing else.
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
        raise Failure(f"record {record.id}: {record.failure.message} ({record.failure.code})")


def _check_title(title: str) -> None:
    """Refuse now what the server would refuse when the bytes are there."""
    from orak.domain.errors import ProblemCode
    from orak.domain.policies.fields import MAX_NAME
    from orak.domain.record import title_problem

    if problem := title_problem(title):
        why = {
            ProblemCode.REQUIRED: "it is blank",
            ProblemCode.TOO_LONG: f"it has more than {MAX_NAME} characters",
        }.get(problem.code, "it holds a character that is not allowed")
        raise click.BadParameter(why, param_hint="--title")


@contextmanager
def _progress(name: str, *, converting: bool) -> Iterator[tuple["OnBytes", "OnRecord"]]:
    """Show a bar for the bytes, and another for the conversion if it is waited for."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    screen = console(err=True)
    made: int | None = None
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
        nonlocal made
        if made is None and is_piped():  # at once: whoever interrupts the waiting has the id already
            click.echo(record.id)
        made = record.id
        note = record.processing_status.lower()
        bars.update(conversion, completed=record.progress, visible=converting, note=note)

    try:
        with bars:
            yield on_bytes, on_record
    finally:
        if made is not None and not is_piped():  # not among the bars
            click.echo(made)
