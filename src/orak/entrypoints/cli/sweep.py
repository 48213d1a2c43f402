from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.options import data_dir_option, shared_settings
from orak.entrypoints.cli.output import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from orak.application.processing.sweep_objects import ObjectSweepReport
    from orak.entrypoints.settings.values import Settings


@click.command()
@click.option("--dry-run", is_flag=True, help="List the objects, remove nothing.")
@click.option(
    "--force", is_flag=True, help="Remove the objects even if the database knows none of the store's objects."
)
@data_dir_option
def sweep(dry_run: bool, force: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - click passes flags by name
    """Remove objects without a row, and uploads that were never finished.

    Keeps everything younger than ORPHAN_RETENTION_HOURS and everything that orak did not store. Once a day
    is enough. Stuck uploads need no command: `serve` and `worker` repair them.
    """
    import asyncio

    from orak.application.processing.sweep_objects import UnknownDatabase

    settings = shared_settings(data_dir)
    try:
        report = asyncio.run(_sweep(settings, dry_run=dry_run, force=force))
    except UnknownDatabase as error:
        raise CommandError(
            f"{error}: nothing was removed",
            "check DATABASE_URL; `orak sweep --dry-run` lists the objects, `orak sweep --force` removes them",
        ) from None
    _show(report, dry_run=dry_run)


async def _sweep(settings: "Settings", *, dry_run: bool, force: bool) -> "ObjectSweepReport":
    from datetime import timedelta

    from orak.application.find_strays import FindStrays
    from orak.application.processing.sweep_objects import SweepObjects
    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    retention = timedelta(hours=settings.orphan_retention_hours)
    async with open_parts(settings, "persistence", "storage") as container:
        persistence, storage = await made(container.persistence), await made(container.storage)
        strays = FindStrays(persistence.arrivals, storage)
        sweep_objects = SweepObjects(strays, storage, container.clock(), retention)
        return await sweep_objects(dry_run=dry_run, trust_database=force)


def _show(report: "ObjectSweepReport", *, dry_run: bool) -> None:
    rows: list[tuple[str, str, int | None, datetime]] = [
        ("object", found.key, found.size, found.modified_at) for found in report.strays
    ]
    rows += [("unfinished", found.key, None, found.begun_at) for found in report.unfinished]
    if is_piped():
        json_lines(
            {"kind": kind, "key": key, "size": size, "at": at, "removed": not dry_run}
            for kind, key, size, at in rows
        )
        return
    if rows:
        shown = table("Kind", "Key", "Bytes", "Modified")
        shown.columns[1].overflow = "fold"
        for kind, key, size, at in rows:
            shown.add_row(kind, key, "" if size is None else str(size), f"{at:%Y-%m-%d %H:%M}")
        console().print(shown)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{len(rows)} {verb}; {report.accounted} old objects have a row", err=True)
