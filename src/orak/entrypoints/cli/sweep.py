from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.cli.screen import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from orak.application.processing.sweep_objects import ObjectSweepReport
    from orak.entrypoints.settings.values import Settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--force", is_flag=True, help="Remove even if the database knows none of the objects.")
@data_dir_option
def sweep(dry_run: bool, force: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - click's own way
    """Remove stored objects that no row accounts for, and uploads that were never finished.

    Whatever is younger than ORPHAN_RETENTION_HOURS is left alone, and so is what orak did not store. IdempotencyKey a
    day is enough. Rows that stand still need no command: `serve` looks after them by itself.
    """
    import asyncio

    from orak.application.processing.sweep_objects import UnknownDatabase

    settings = load_settings(data_dir=data_dir).settings
    try:
        report = asyncio.run(_sweep(settings, dry_run=dry_run, force=force))
    except UnknownDatabase as strange:
        raise Failure(
            f"{strange}: nothing was removed",
            "is this the store's own database? `orak sweep --dry-run` lists them, `--force` removes them",
        ) from None
    _show(report, dry_run=dry_run)


async def _sweep(settings: "Settings", *, dry_run: bool, force: bool) -> "ObjectSweepReport":
    from orak.entrypoints.container import object_sweep

    async with object_sweep(settings) as sweep_objects:
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
        shown = table("Kind", "Key", "Bytes", "From")
        shown.columns[1].overflow = "fold"
        for kind, key, size, at in rows:
            shown.add_row(kind, key, "" if size is None else str(size), f"{at:%Y-%m-%d %H:%M}")
        console().print(shown)
    done = "would be removed" if dry_run else "removed"
    click.echo(f"{len(rows)} {done}; {report.claimed} old objects have their row", err=True)
