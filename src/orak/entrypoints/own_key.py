import os
import secrets
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def own_key(path: Path) -> bytes:
    """Return the random key kept at *path*, readable by its owner alone; make it if there is none.

    Two processes that start at once get the same one: the key appears under its name whole, and once.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, it replaces nothing
        fresh.unlink()
    return path.read_bytes()
