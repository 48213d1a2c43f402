"""Options of the commands that work on this machine's data, and the settings that result."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from orak.entrypoints.cli.errors import SettingError

if TYPE_CHECKING:
    from orak.entrypoints.settings.sources import LoadedSettings
    from orak.entrypoints.settings.values import Settings

F = TypeVar("F", bound=Callable[..., Any])


def data_dir_option(command: F) -> F:
    """Add `--data-dir`."""
    return click.option(
        "--data-dir",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the database, the objects and the keys (default: ./orak-data).",
    )(command)


def port_option(text: str) -> Callable[[F], F]:
    """Add `--port` with the help *text*."""

    def add(command: F) -> F:
        return click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), help=text)(command)

    return add


def command(words: str, data_dir: Path | None) -> str:
    """Return `orak` *words* for a hint, with the `--data-dir` that this command was given."""
    folder = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"`orak {words}{folder}`"


def load_settings(**flags: object) -> "LoadedSettings":
    """Return the settings; *flags* override them. Raise `SettingError` for one that cannot be used."""
    from orak.entrypoints.settings.checks import InvalidSetting
    from orak.entrypoints.settings.sources import LoadedSettings

    try:
        return LoadedSettings.load(flags)
    except InvalidSetting as invalid:
        raise SettingError(str(invalid), invalid.hint) from None


def shared_settings(data_dir: Path | None) -> "Settings":
    """Return the settings for a command that uses the database of a running orak.

    Raise `SettingError` if the settings cannot be used, or keep the rows in the memory of another process.
    """
    settings = load_settings(data_dir=data_dir).settings
    if settings.database_kind == "memory":
        name = "ORAK_DATA_DIR" if settings.database_url is None else "DATABASE_URL"
        raise SettingError(
            f"{name} is memory:, which other processes cannot read",
            "set DATABASE_URL to a SQLite file or a PostgreSQL URL",
        )
    return settings
