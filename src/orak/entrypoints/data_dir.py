"""The data folder, and the keys that orak keeps in it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings

_KEY_BYTES = 32


def make_data_dir(settings: Settings) -> None:
    """Create the data folder, readable by its owner alone: it holds users' titles and audio.

    Do nothing if everything is kept in memory. Raise `InvalidSetting` if the folder cannot be created.
    """
    if settings.in_memory:
        return
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} is a file" if folder.is_file() else f"{folder}: {error.strerror}"
        raise InvalidSetting(
            "ORAK_DATA_DIR", f"cannot be used: {reason}", "use a folder that orak may write to"
        ) from error


def database_url(settings: Settings) -> str:
    """Create the data folder, which may hold the SQLite file, and return the database's URL."""
    make_data_dir(settings)
    return settings.database


def secret_key(settings: Settings, name: str) -> bytes:
    """Return the random key *name* of the data folder; create it if it does not exist.

    Without a folder (`memory:`) the key lasts as long as the process.
    """
    if settings.in_memory:
        return secrets.token_bytes(_KEY_BYTES)
    return kept_key(settings.data_dir / name)


def kept_key(path: Path) -> bytes:
    """Return the random key stored at *path*, readable by its owner alone; create it if it does not exist.

    Processes that start at the same time get the same key: the file appears once, complete.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, a link replaces nothing
        fresh.unlink()
    return path.read_bytes()
