from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.data_dir import make_data_dir

if TYPE_CHECKING:
    from orak.entrypoints.settings import Settings


@click.group()
def db() -> None:
    """Look at the database's schema, and bring it up to date."""


@db.command()
@data_dir_option
def upgrade(data_dir: Path | None) -> None:
    """Bring the schema up to date; nothing happens if it is."""
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir, make=True)
    before = migrations.current(url)
    migrations.upgrade(url)
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
    """Exit with 0 if the schema is the one that this orak expects, with 1 if not."""
    from orak.adapters.persistence.sql import migrations

    url = _database(data_dir)
    revision = migrations.current(url)
    if not migrations.check(url):
        state = f"at {revision}" if revision else "empty"
        raise Failure(f"the schema is {state}, not what this orak expects", "run `orak db upgrade`")
    click.echo(f"up to date at {revision}")


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
        raise Failure(f"there is no database at {file} yet", "run `orak db upgrade`")
    return settings.database
