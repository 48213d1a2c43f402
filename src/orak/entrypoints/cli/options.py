"""Options that several commands have, and the settings that they override."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from orak.entrypoints.cli.failures import WrongSetting

if TYPE_CHECKING:
    from orak.entrypoints.settings.sources import LoadedSettings

F = TypeVar("F", bound=Callable[..., Any])


def data_dir_option(command: F) -> F:
    """Add `--data-dir`."""
    return click.option(
        "--data-dir",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the database, the objects and the keys are (default: ./orak-data).",
    )(command)


def command(words: str, data_dir: Path | None) -> str:
    """Return a command for a hint, with the `--data-dir` that was given to this one."""
    folder = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"`orak {words}{folder}`"


def load_settings(**flags: object) -> "LoadedSettings":
    """Gather the settings under these flags. Raise `WrongSetting` naming the one that cannot be used."""
    from orak.entrypoints.settings.checks import InvalidSetting
    from orak.entrypoints.settings.sources import LoadedSettings

    try:
        return LoadedSettings.load(flags)
    except InvalidSetting as invalid:
        raise WrongSetting(str(invalid), invalid.hint) from None
