from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.cli.screen import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from orak.domain.history import Difference, UploadHistory
    from orak.entrypoints.settings import Settings


@click.group()
def events() -> None:
    """Look into the log of everything that happened."""


@events.command()
@click.option("--check", is_flag=True, help="Compare with the tables, and fail if anything differs.")
@data_dir_option
def replay(check: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - click's own way
    """Rebuild every upload and its Record from the log of events.

    Prints each as one line of JSON; with --check, only where the log and the tables differ. It reads the
    database itself, and may run beside everything else.
    """
    import asyncio

    settings = load_settings(data_dir=data_dir).settings
    asyncio.run(_check(settings) if check else _replay(settings))


async def _replay(settings: "Settings") -> None:
    async for history in _histories(settings):
        if history.facts:
            last = history.facts[-1]
            json_lines([{"uploadId": history.upload_id, "version": last.version, "state": last.fact}])


async def _check(settings: "Settings") -> None:
    from orak.entrypoints.container import event_log

    uploads = facts = 0
    found: list[Difference] = []
    async with event_log(settings) as (replay_facts, _):
        async for history in replay_facts.histories():
            uploads, facts = uploads + 1, facts + len(history.facts)
            found += await replay_facts.check(history)
    _show(found)
    click.echo(f"{facts} events of {uploads} uploads", err=True)
    if found:
        raise Failure(
            f"the log and the tables differ in {len(found)} places",
            "somebody else wrote to the tables, or a backup was restored in part; nothing was changed",
        )


def _show(found: "list[Difference]") -> None:
    if is_piped():
        json_lines(found)
    elif found:
        shown = table("Upload", "What", "By the log", "By the tables")
        for one in found:
            shown.add_row(str(one.upload_id), one.what, one.by_facts, one.by_tables)
        console().print(shown)


async def _histories(settings: "Settings") -> "AsyncIterator[UploadHistory]":
    from orak.entrypoints.container import event_log

    async with event_log(settings) as (replay_facts, _):
        async for history in replay_facts.histories():
            yield history
