from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings


def make_data_dir(settings: Settings) -> None:
    """Make the folder that everything lies in, for its owner's eyes alone: titles and takes are theirs.

    Raise `InvalidSetting` if there can be none.
    """
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} is a file" if folder.is_file() else f"{folder}: {error.strerror}"
        raise InvalidSetting(
            "ORAK_DATA_DIR", f"cannot be used: {reason}", "name a folder that may be written to"
        ) from error
