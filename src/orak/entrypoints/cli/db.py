from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.adoption import print_plan
from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.options import command, data_dir_option, shared_settings

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings


@click.group()
def db() -> None:
    """Check and upgrade the database schema."""


@db.command()
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@click.option(
    "--convert",
    is_flag=True,
    help="With an adopted database: convert records again that the other app completed.",
)
@data_dir_option
def upgrade(*, dry_run: bool, convert: bool, data_dir: Path | None) -> None:
    """Upgrade the schema. Does nothing if it is up to date or newer.

    A PostgreSQL database with the tables of the original app (users, songs, uploads and records) is adopted
    with its rows: the plan is printed, and everything changes in one transaction or not at all.
    """
    from orak.adapters.persistence.sql import migrations
    from orak.entrypoints.data_dir import make_data_dir

    settings = shared_settings(data_dir)
    try:
        if _adopt(settings, dry_run=dry_run, convert=convert):
            return
        before = migrations.current(settings.database)
        is_enough = migrations.check(settings.database)
        if not (is_enough or dry_run):
            make_data_dir(settings)
            migrations.upgrade(settings.database)
    except migrations.UnusableSchema as error:
        raise CommandError(str(error), error.hint) from error
    change = f"{before or 'empty'} -> {migrations.HEAD}"
    click.echo(f"up to date at {before}" if is_enough else f"would change {change}" if dry_run else change)


def _adopt(settings: "Settings", *, dry_run: bool, convert: bool) -> bool:
    """Print the plan of an adoption and carry it out; return False if there is nothing to adopt."""
    from orak.adapters.persistence.sql.adoption.adopt import adopt, plan_adoption

    plan = plan_adoption(settings.database, convert=convert)
    if plan is None:
        return False
    print_plan(plan, has_cdn=settings.cdn_base_url is not None, convert=convert)
    if dry_run:
        click.echo("Nothing was changed.")
    elif (done := adopt(settings.database, convert=convert)) is not None:
        counts = ", ".join(f"{count} {table}" for table, count in done.rows.items())
        click.echo(f"Adopted. Rows before and after: {counts}.")
    return True


@db.command()
@data_dir_option
def current(data_dir: Path | None) -> None:
    """Print the schema's revision; prints nothing if there is no schema."""
    from orak.adapters.persistence.sql import migrations

    revision = migrations.current(_database(data_dir))
    if revision is not None:
        click.echo(revision)


@db.command()
@data_dir_option
def check(data_dir: Path | None) -> None:
    """Check whether this version of orak can use the schema.

    The exit code is 0 if it can, else 1.
    """
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir)
    revision = migrations.current(url)
    try:
        can_work = migrations.check(url)
    except migrations.UnusableSchema as error:
        raise CommandError(str(error), error.hint) from error
    if not can_work:
        problem = (
            f"the schema is at revision {revision}; this version of orak needs {migrations.HEAD}"
            if revision
            else "the database has no schema yet"
        )
        raise CommandError(problem, f"run {command('db upgrade', data_dir)}")
    newer = "" if revision == migrations.HEAD else f", newer than {migrations.HEAD} of this version"
    click.echo(f"up to date at {revision}{newer}")


def sqlite_file(settings: "Settings") -> Path | None:
    """Return the database's file; None if it is not SQLite."""
    scheme, _, path = settings.database.partition(":///")
    return Path(path) if scheme == "sqlite" else None


def _database(data_dir: Path | None) -> str:
    """Return the database's URL. Raise `CommandError` for a missing file."""
    settings = shared_settings(data_dir)
    file = sqlite_file(settings)
    if file is not None and not file.exists():  # connecting would create it
        raise CommandError(f"there is no database at {file} yet", f"run {command('db upgrade', data_dir)}")
    return settings.database
