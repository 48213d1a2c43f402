from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import command, data_dir_option, load_settings
from orak.entrypoints.data_dir import make_data_dir

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings


@click.group()
def db() -> None:
    """Look at the database's schema, and bring it up to date."""


@db.command()
@data_dir_option
def upgrade(data_dir: Path | None) -> None:
    """Bring the schema up to date; nothing happens if it is, or is a newer orak's."""
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir, make=True)
    before = migrations.current(url)
    try:
        migrations.upgrade(url)
    except migrations.UnusableSchema as error:
        raise Failure(str(error), error.hint) from error
    after = migrations.current(url)
    click.echo(f"up to date at {after}" if before == after else f"{before or 'empty'} -> {after}")


@db.command()
@data_dir_option
def current(data_dir: Path | None) -> None:
    """Print the schema's revision, or nothing if there is no schema."""
    from orak.adapters.persistence.sql import migrations

    revision = migrations.current(_database(data_dir))
    if revision is not None:
        click.echo(revision)


@db.command()
@data_dir_option
def check(data_dir: Path | None) -> None:
    """Exit with 0 if the schema is one that this orak can work on, with 1 if not."""
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir)
    revision = migrations.current(url)
    try:
        can_work = migrations.check(url)
    except migrations.UnusableSchema as error:
        raise Failure(str(error), error.hint) from error
    if not can_work:
        state = f"at {revision}" if revision else "empty"
        raise Failure(
            f"the schema is {state}, not what this orak expects", f"run {command('db upgrade', data_dir)}"
        )
    newer = "" if revision == migrations.HEAD else f", newer than this orak's {migrations.HEAD}"
    click.echo(f"up to date at {revision}{newer}")


def sqlite_file(settings: "Settings") -> Path | None:
    """Return the file of a database that is one."""
    scheme, _, path = settings.database.partition(":///")
    return Path(path) if scheme == "sqlite" else None


def _database(data_dir: Path | None, *, make: bool = False) -> str:
    """Return the database's URL. Raise `Failure` if it is a file that is not there and shall not be made."""
    settings = load_settings(data_dir=data_dir).settings
    file = sqlite_file(settings)
    if make:
        make_data_dir(settings)
    elif file is not None and not file.exists():  # connecting would make one
        raise Failure(f"there is no database at {file} yet", f"run {command('db upgrade', data_dir)}")
    return settings.database
