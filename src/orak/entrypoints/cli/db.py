from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.options import command, data_dir_option, shared_settings
from orak.entrypoints.data_dir import make_data_dir

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings


@click.group()
def db() -> None:
    """Check and upgrade the database schema."""


@db.command()
@data_dir_option
def upgrade(data_dir: Path | None) -> None:
    """Upgrade the schema. Does nothing if it is up to date or newer."""
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir, make=True)
    before = migrations.current(url)
    try:
        migrations.upgrade(url)
    except migrations.UnusableSchema as error:
        raise CommandError(str(error), error.hint) from error
    after = migrations.current(url)
    click.echo(f"up to date at {after}" if before == after else f"{before or 'empty'} -> {after}")


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


def _database(data_dir: Path | None, *, make: bool = False) -> str:
    """Return the database's URL. Raise `CommandError` for a missing file unless *make* is true."""
    settings = shared_settings(data_dir)
    file = sqlite_file(settings)
    if make:
        make_data_dir(settings)
    elif file is not None and not file.exists():  # connecting would create it
        raise CommandError(f"there is no database at {file} yet", f"run {command('db upgrade', data_dir)}")
    return settings.database
